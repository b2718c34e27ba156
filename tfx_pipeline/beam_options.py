"""From our configuration to Beam's command-line options."""

from dimerec_tf.config_beam import BeamRunnerConfig


def beam_options(config: BeamRunnerConfig) -> list[str]:
    """The options that choose and set up a runner, as Beam's `PipelineOptions` reads them."""
    if config.runner == "direct":
        # One process in memory: with two workers every one of them imports TensorFlow first, which small logs feel.
        mode = "in_memory" if config.workers == 1 else "multi_processing"
        return [f"--direct_running_mode={mode}", f"--direct_num_workers={config.workers}"]
    if config.runner == "dataflow":
        return [
            "--runner=DataflowRunner",
            f"--project={config.project}",
            f"--region={config.region}",
            f"--temp_location={config.temp_location}",
            f"--sdk_container_image={config.image}",
            f"--max_num_workers={config.max_workers}",
            *([f"--worker_machine_type={config.machine_type}"] if config.machine_type else []),
            *([f"--service_account_email={config.service_account}"] if config.service_account else []),
        ]
    if config.runner == "flink":
        cluster = ["--runner=FlinkRunner", f"--flink_master={config.master}", f"--parallelism={config.parallelism}"]
    else:
        cluster = ["--runner=SparkRunner", f"--spark_master_url={config.master}"]
    return [
        *cluster,
        f"--environment_type={config.environment.upper()}",
        f"--environment_config={config.environment_config}",
    ]
