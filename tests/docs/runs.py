"""Which test runs which command of the documentation, by its first words; the longest entry that fits counts.

`HERE` are run by `test_commands.py` itself, as they are printed. Of the others each option has to occur in one of the
files that are named. `NOT_RUN` says why no test runs a command.
"""

HERE = (
    "dimerec data check --config my-shop.yaml",
    "dimerec experiment bucket",
    "dimerec experiment power",
)

RUN_BY: dict[str, tuple[str, ...]] = {
    "curl": ("tests/serving/test_rest.py::test_status_and_metadata_have_tf_servings_form",),
    "dimerec bench": (
        "tests/evaluation/test_cli_bench.py::test_two_benchmarks_are_collected_on_one_page",
        "tests/evaluation/test_cli_bench.py::test_a_preset_on_a_log_of_ones_own_is_named_in_its_rows",
    ),
    "dimerec bench-incremental": (
        "tests/evaluation/test_incremental.py::test_a_warm_start_is_measured_against_a_training_from_scratch",
    ),
    "dimerec dashboard": (
        "tests/test_cli_dashboard.py::test_without_a_run_one_sentence_says_what_to_name",
        "tests/e2e/test_pipeline_dashboard.py::test_every_page_opens_and_leads_to_the_others",
        "tests/e2e/test_pipeline_dashboard.py::test_the_command_writes_titles_and_serves_until_it_is_interrupted",
    ),
    "dimerec data fetch": ("tests/data/test_cli_data.py::test_fetch_prints_files_counts_and_licence",),
    "dimerec demo": ("tests/e2e/test_demo.py::test_the_summary_has_it_all",),
    "dimerec evaluate": ("tests/cli/test_train.py::test_what_is_measured_is_what_the_model_answers_when_it_is_served",),
    "dimerec experiment report": ("tests/serving/experiments/test_cli.py::test_report_compares_the_buckets",),
    "dimerec export": ("tests/cli/test_train.py::test_exports_are_versions_of_the_same_model_with_warm_up_requests",),
    "dimerec figures": (
        "tests/figures/test_cli_figures.py::test_figure_2_is_drawn_without_a_data_set",
        "tests/figures/test_cli_figures.py::test_a_second_call_trains_nothing",
    ),
    "dimerec loadtest": ("tests/serving/loadtest/test_loadtest.py::test_a_row_for_each_concurrency",),
    "dimerec lineage": (
        "tests/e2e/test_pipeline_lineage.py::test_a_warm_start_leads_back_to_the_version_before_and_what_the_tuner_chose",
    ),
    "dimerec pipeline compile": ("tests/compiled_spec/test_cli.py::test_compile_writes_the_specification",),
    "dimerec pipeline refresh": (
        "tests/e2e/test_refresh.py::test_the_command_pushes_the_newest_version_without_the_withdrawn_and_with_the_new",
    ),
    "dimerec pipeline submit": (
        "tests/compiled_spec/test_cli.py::test_submit_gives_vertex_a_job",
        "tests/compiled_spec/test_cli.py::test_a_dry_run_says_what_would_be_submitted_and_does_not",
    ),
    "dimerec pipeline run": (
        "tests/e2e/test_pipeline.py::test_a_good_model_is_blessed_and_pushed_beside_its_floors",
        "tests/test_cli.py::test_an_unusable_log_ends_the_pipeline_with_a_sentence",
    ),
    "dimerec pipeline worker": (
        "tests/e2e/test_workers.py::test_a_pipeline_and_its_workers_train_one_model_that_is_blessed_and_pushed",
    ),
    "dimerec recommend": (
        "tests/serving/test_cli.py::test_rest_answers_the_same",
        "tests/serving/test_access.py::test_the_command_line_has_options_for_it",
    ),
    "dimerec rollout": ("tests/serving/rollout/test_cli.py::test_promoted_is_success_and_the_config_is_kept",),
    "dimerec serve": (
        "tests/serving/test_cli.py::test_serve_answers_until_it_is_told_to_stop",
        "tests/serving/test_cli.py::test_serve_takes_its_options_from_files",
    ),
    "dimerec train": ("tests/cli/test_train.py::test_a_finished_training_is_not_done_again",),
    "dimerec tune": ("tests/tuning/test_cli_tune.py::test_the_best_of_some_trainings_becomes_a_configuration",),
    "mkdocs build": ("tests/docs/test_site.py::test_the_site_has_every_page_and_the_docstrings",),
    "tensorboard": ("tests/training/test_curves.py::test_tensorboard_shows_them",),
    "python -m dimerec_tf.config_reference": ("tests/docs/test_configuration_page.py::test_the_page_is_up_to_date",),
}

NOT_RUN = {
    "call": "needs a cloud project; tests/serving/deploy/test_vertex.py reads the requests",
    "docker": "needs Docker; tests/serving/deploy/test_images.py reads the Dockerfiles",
    "kubectl": "needs a cluster; tests/serving/deploy/test_kubernetes.py holds the files against the schemas",
    "mypy": "is a check of its own",
    "python -m pytest": "runs this test",
    "uv venv --quiet": "an environment for the audit's own packages, from the package index",
    "uv pip install --quiet": "the audit's own packages, from the package index",
    "python scripts/audit.py": "asks the internet; tests/scripts/test_audit.py judges answers",
    "python scripts/licences.py": "tests/docs/test_licences_page.py compares the page with what it would write",
    "python -m dimerec_tf.training_benchmark": "a quarter of an hour; tests/training_benchmark/ runs its parts",
    "python -m serving.benchmark": "hours; tests/serving/benchmark/ runs its parts",
    "python -m serving.soak": "twenty minutes of an idle machine; tests/serving/faults/ does the same faults",
    "python -m tfx_pipeline.benchmark": "an hour; tests/tfx_pipeline/test_million_events.py runs the steps on its log",
    "ruff": "is a check of its own",
    "tensorflow_model_server": "no binary is at hand; tests/serving/deploy/test_tf_serving.py reads its files",
}
