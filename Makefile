# Every target sets up what it needs by itself; running one again reuses what is there.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/all.txt
READY := $(VENV)/.ready-$(shell cat $(LOCK) setup.py scripts/setup_venv.sh 2>/dev/null | cksum | cut -d' ' -f1)
# Named by what it is made of, like READY.
AUDIT := $(VENV)/.audit-$(shell cat requirements/audit.txt 2>/dev/null | cksum | cut -d' ' -f1)
BROWSER := $(VENV)/.browser-$(shell cat requirements/browser/package-lock.json scripts/setup_browser.sh 2>/dev/null | cksum | cut -d' ' -f1)
PYTEST := $(BIN)/python -m pytest -n 2 --no-loadscope-reorder --max-worker-restart 0

# tests/ has the library's folders, and one for each of the other packages.
OTHERS := serving tfx_pipeline compiled_spec e2e
TESTS := $(if $(filter dimerec_tf,$(PART)),tests $(OTHERS:%=--ignore=tests/%),tests/$(PART))
ifeq ($(wildcard $(firstword $(TESTS))),)
$(error PART=$(PART) names no tests; there are: dimerec_tf $(filter-out __pycache__,$(notdir $(patsubst %/,%,$(wildcard tests/*/)))))
endif

.PHONY: help setup demo test test-fast test-slow lint bench-100k bench-train bench-pipeline bench-serving bench-incremental soak docs config-page dashboard-pictures lock audit sbom licences clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

$(READY):
	@bash scripts/setup_venv.sh $(VENV) $(LOCK)
	@rm -f $(VENV)/.ready-* && touch $@

$(BROWSER): $(READY)
	@bash scripts/setup_browser.sh $(VENV)
	@rm -f $(VENV)/.browser-* && touch $@

# An environment of its own, which is not what is looked at.
$(AUDIT): $(READY)
	@rm -rf $(VENV)/.audit-* && $(BIN)/uv venv --quiet --python $(BIN)/python $@
	@$(BIN)/uv pip install --quiet --python $@/bin/python --require-hashes --requirement requirements/audit.txt

setup: $(READY) ## Create .venv from the lock file (the other targets do it themselves)

demo: $(READY) ## MovieLens-100K: log -> TFX pipeline -> blessed model -> recommendations over gRPC
	@$(BIN)/dimerec demo --workdir build/demo

test: $(READY) $(BROWSER) ## Run the tests (minutes, not hours); PART=serving: those of a package or folder
	@$(PYTEST) $(TESTS)

test-fast: $(READY) ## Run the tests that need no TensorFlow (a minute or two)
	@$(PYTEST) -p tests.without_tensorflow -r fE

test-slow: $(READY) ## Run the tests that need minutes of training or a million events
	@$(BIN)/python -m pytest -m slow

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench-100k: $(READY) ## Accuracy of the shipped preset on MovieLens-100K, three seeds beside the floors
	@$(BIN)/dimerec bench --preset ml-100k --seeds 3 --output build/bench-100k --collect docs/benchmarks/accuracy.json --page docs/benchmarks.md

bench-train: $(READY) ## Speed and memory of training beside its peers, up to ten million items (a quarter of an hour, 9 GB)
	@$(BIN)/python -m dimerec_tf.training_benchmark

bench-incremental: $(READY) ## A warm start beside its start and a training from scratch on MovieLens-100K, three seeds
	@$(BIN)/dimerec bench-incremental --preset ml-100k --results docs/benchmarks/training.json

soak: $(READY) ## Twenty minutes of faults against a server, with a verdict; needs an idle machine
	@$(BIN)/python -m serving.soak --output docs/benchmarks/serving.json --picture docs/images/soak.png

bench-pipeline: $(READY) ## Time and memory of ExampleGen, StatisticsGen and Transform, 1 and 10 million events (an hour)
	@$(BIN)/python -m tfx_pipeline.benchmark

bench-serving: $(READY) ## Search, load and where the time goes, up to a million items (hours; leave the machine alone)
	@$(BIN)/python -m serving.benchmark

docs: $(READY) ## Build the documentation into build/site and check every link in it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

config-page: $(READY) ## Write docs/configuration.md anew from the configuration's classes
	@$(BIN)/python -m dimerec_tf.config_reference docs/configuration.md

dashboard-pictures: $(READY) $(BROWSER) ## Take the pictures of docs/dashboard.md anew, of what make demo left in build/demo
	@$(BIN)/dimerec dashboard --workdir build/demo --titles build/demo/items.csv --output build/demo-dashboard
	@$(BIN)/python -m tests.dashboard_pictures build/demo-dashboard docs/images/dashboard

lock: $(READY) ## Resolve the lock files anew from requirements/*.in
	@bash scripts/lock.sh $(BIN)

audit: $(AUDIT) ## Known faults of the locked packages; Error 1 if there are, Error 69 if it could not be found out
	@PATH="$$PWD/$(BIN):$$PATH" python scripts/audit.py $(AUDIT)/bin/pip-audit $(LOCK) npm requirements/browser

sbom: $(AUDIT) ## What is installed as CycloneDX, in build/sbom.json; asks nothing of the network
	@bash scripts/sbom.sh $(AUDIT)/bin/cyclonedx-py $(BIN)

licences: $(READY) ## Write docs/licences.md anew from what the installed packages say
	@$(BIN)/python scripts/licences.py $(LOCK) docs/licences.md

clean: ## Remove build output (not .venv, not downloads)
	rm -rf build dist *.egg-info
