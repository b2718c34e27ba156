"""Workflows, templates and hooks are well-formed, and agree with the files that they speak of."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: path for path in sorted((GITHUB / "workflows").glob("*.yml"))}
ACTION = GITHUB / "actions" / "setup" / "action.yml"
PROGRAMS = Path(sys.executable).parent
IMAGES = {
    str(path.relative_to(ROOT))
    for folder in ("serving", "tfx_pipeline")
    for path in (ROOT / folder).rglob("Dockerfile")
}
WITH_A_MODEL = "serving/deploy/vertex/Dockerfile"  # starts from another one and adds what a user trained


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def run(program: str, *arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAMS / program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{name}: {job}", facts) for name, path in WORKFLOWS.items() for job, facts in read(path)["jobs"].items()]


def steps() -> list[dict[str, Any]]:
    return [step for _, job in jobs() for step in job.get("steps", ())] + read(ACTION)["runs"]["steps"]


def test_actionlint_finds_nothing() -> None:
    """Without shellcheck, which is not on every machine."""
    result = run("actionlint", "-shellcheck=", *WORKFLOWS.values())
    assert result.returncode == 0, result.stdout + result.stderr


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    text = WORKFLOWS["ci"].read_text(encoding="utf-8").replace("matrix.python }}", "matrix.pyton }}")
    (tmp_path / "ci.yml").write_text(text)
    result = run("actionlint", "-shellcheck=", tmp_path / "ci.yml")
    assert result.returncode != 0 and "pyton" in result.stdout


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("dependabot", ["dependabot.yml"]),
        ("github-issue-config", ["ISSUE_TEMPLATE/config.yml"]),
        ("github-issue-forms", ["ISSUE_TEMPLATE/bug.yml", "ISSUE_TEMPLATE/feature.yml"]),
    ],
)
def test_what_actionlint_does_not_read_has_githubs_form(schema: str, files: list[str]) -> None:
    result = run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *(GITHUB / file for file in files))
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_target_that_is_made_exists() -> None:
    made = {name: re.findall(r"\bmake ([\w-]+)", path.read_text(encoding="utf-8")) for name, path in WORKFLOWS.items()}
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {target for names in made.values() for target in names} <= targets
    assert {"lint", "test"} <= set(made["ci"]) and "test-slow" in made["nightly"] and "docs" in made["docs"]
    assert re.findall(r"^make ([\w-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.M) == made["ci"]


def test_every_python_that_can_be_installed_is_tested() -> None:
    (allowed,) = re.findall(r'python_requires="([^"]+)"', (ROOT / "setup.py").read_text(encoding="utf-8"))
    tested = read(WORKFLOWS["ci"])["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in SpecifierSet(allowed)]
    assert (ROOT / ".python-version").read_text(encoding="utf-8").strip() in tested


def test_actions_are_pinned_by_commit_and_everywhere_the_same() -> None:
    texts = [path.read_text(encoding="utf-8") for path in [*WORKFLOWS.values(), ACTION]]
    used = {line for text in texts for line in re.findall(r"uses: (?!\./)(.+)", text)}
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []
    assert len({line.partition("@")[0] for line in used}) == len(used) > 5


def test_jobs_may_do_little_and_end() -> None:
    assert [name for name, path in WORKFLOWS.items() if read(path)["permissions"] != {"contents": "read"}] == []
    assert [name for name, path in WORKFLOWS.items() if "group" not in read(path)["concurrency"]] == []
    assert {name: job["permissions"] for name, job in jobs() if "permissions" in job} == {
        "docs: deploy": {"pages": "write", "id-token": "write"},
        "release: images": {"contents": "read", "packages": "write"},
        "release: pypi": {"id-token": "write"},
    }
    assert [name for name, job in jobs() if "uses" not in job and "timeout-minutes" not in job] == []
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts and all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_nothing_is_published_before_the_tests_and_the_check_of_the_tag() -> None:
    release = read(WORKFLOWS["release"])["jobs"]
    assert release["ci"] == {"uses": "./.github/workflows/ci.yml"}
    assert any("scripts/check_release.py" in step.get("run", "") for step in release["build"]["steps"])
    assert release["pypi"]["needs"] == release["images"]["needs"] == ["ci", "build"]
    assert release["pypi"]["environment"]["name"] == "pypi"


def test_every_image_is_published() -> None:
    published = read(WORKFLOWS["release"])["jobs"]["images"]["strategy"]["matrix"]["include"]
    assert {image["file"] for image in published} == IMAGES - {WITH_A_MODEL}
    for image in published:
        text = (ROOT / image["file"]).read_text(encoding="utf-8")
        assert not image["target"] or f" AS {image['target']}\n" in text
        contexts = re.findall(rf"docker build -f {re.escape(image['file'])} ([\w./]+)$", text, re.M)
        assert contexts == [image["context"]]


def test_dependabot_reads_every_lock_and_image_and_leaves_the_stack_alone() -> None:
    updates = {each["package-ecosystem"]: each for each in read(GITHUB / "dependabot.yml")["updates"]}
    assert (ROOT / updates["npm"]["directory"].strip("/") / "package-lock.json").exists()
    assert {f"{folder}/Dockerfile" for folder in updates["docker"]["directories"]} == {
        f"/{image}" for image in IMAGES - {WITH_A_MODEL}
    }
    locks = ROOT / updates["pip"]["directory"].strip("/")
    texts = [(locks / f"{name}.in").read_text(encoding="utf-8") for name in ("core", "serving", "pipeline")]
    pinned = set(re.findall(r"^([\w-]+)==", "\n".join(texts), re.M))
    assert pinned <= {each["dependency-name"] for each in updates["pip"]["ignore"]}


def test_hooks_run_what_is_installed() -> None:
    assert run("pre-commit", "validate-config").returncode == 0
    (source,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    programs = {hook["entry"].split()[0] for hook in source["hooks"]}
    assert source["repo"] == "local" and programs == {f".venv/bin/{name}" for name in ("ruff", "mypy", "actionlint")}


def test_the_template_of_pull_requests_speaks_of_what_there_is() -> None:
    text = (GITHUB / "pull_request_template.md").read_text(encoding="utf-8")
    (section,) = re.findall(r'"([^"]+)" in CONTRIBUTING', text)
    assert f"## {section}" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
