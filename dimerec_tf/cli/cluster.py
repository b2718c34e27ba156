"""`dimerec pipeline compile` and `submit`: the pipeline for Kubeflow or Vertex AI."""

from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from dimerec_tf.config import Config, ConfigError, load_config
from dimerec_tf.terminal import console, say

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec


class TargetName(str, Enum):
    """Where a pipeline runs."""

    local = "local"
    kubeflow = "kubeflow"
    vertex = "vertex"


ConfigFile = Annotated[Path, typer.Option(help="YAML configuration with a section `cluster`.")]
ClusterTarget = Annotated[TargetName, typer.Option(help="kubeflow or vertex.")]


def compile_spec(
    config: ConfigFile,
    target: ClusterTarget,
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("build/pipeline.yaml"),
) -> None:
    """Writes the pipeline as a Kubeflow Pipelines v2 specification.

    Example: dimerec pipeline compile --target kubeflow --config my-shop.yaml
    """
    settings = _load(config, target)
    from tfx_pipeline.cluster import write_spec

    write_spec(_spec(settings, target), output)
    say(f"{target.value}: {output}")


def submit(
    config: ConfigFile,
    target: ClusterTarget,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be submitted, and do not.")] = False,
    data_location: Annotated[str | None, typer.Option(help="The log's directory, instead of the configured.")] = None,
    train_steps: Annotated[int | None, typer.Option(min=1, help="At least so many, in whole epochs.")] = None,
    model_directory: Annotated[str | None, typer.Option(help="Where versions go, instead of the configured.")] = None,
) -> None:
    """Compiles the pipeline and starts a run of it.

    Example: dimerec pipeline submit --target vertex --config my-shop.yaml --train-steps 2000 --dry-run
    """
    settings = _load(config, target)
    from tfx_pipeline.cluster import runtime_values, write_spec

    spec = _spec(settings, target)
    values = runtime_values(spec, data_location, train_steps, model_directory)
    _print_plan(settings, target, spec, values)
    if dry_run:
        say("Nothing was submitted.")
        return
    with TemporaryDirectory() as directory:
        file = Path(directory, "pipeline.yaml")
        write_spec(spec, file)
        say(f"Submitted as {_submit(settings, target, str(file), values)}.")


def require_local(target: TargetName) -> None:
    """Raises `ConfigError` for a target that `pipeline run` does not run on."""
    if target != TargetName.local:
        raise ConfigError(f"`pipeline run` runs here, not on {target.value}: use `dimerec pipeline submit`.")


def _load(config: Path, target: TargetName) -> Config:
    if target == TargetName.local:
        raise ConfigError(
            "`pipeline compile` and `submit` are for kubeflow and vertex: use `dimerec pipeline run` here."
        )
    settings = load_config(config)
    for key, place in (("path", settings.data.path), ("items_path", settings.data.items_path)):
        if place and "://" not in place:
            raise ConfigError(
                f"data.{key} {place} is on this machine, where no container sees it: say a gs:// address."
            )
    return settings


def _spec(config: Config, target: TargetName) -> "PipelineSpec":
    say("Loading TFX.")
    if target == TargetName.kubeflow:
        from tfx_pipeline.kubeflow_runner import kubeflow_spec

        return kubeflow_spec(config)
    from tfx_pipeline.vertex_runner import vertex_spec

    return vertex_spec(config)


def _submit(config: Config, target: TargetName, file: str, values: dict[str, str]) -> str:
    if target == TargetName.kubeflow:
        from tfx_pipeline.kubeflow_runner import submit_to_kubeflow

        return submit_to_kubeflow(config, file, values)
    from tfx_pipeline.vertex_runner import submit_to_vertex

    return submit_to_vertex(config, file, values)


def _print_plan(config: Config, target: TargetName, spec: "PipelineSpec", values: dict[str, str]) -> None:
    place = _place(config, target)
    say(f"{spec.pipeline_info.name} for {target.value}: {place}")
    say(f"root {spec.default_pipeline_root}")
    for name, declared in sorted(spec.root.input_definitions.parameters.items()):
        value = values.get(name, declared.default_value.string_value)
        say(f"{name} {value}")
    console.print(_step_table(spec))


def _place(config: Config, target: TargetName) -> str:
    if target == TargetName.kubeflow:
        from tfx_pipeline.kubeflow_runner import kubeflow_of

        kubeflow = kubeflow_of(config)
        return f"{kubeflow.host}, experiment {kubeflow.experiment}"
    from tfx_pipeline.vertex_runner import vertex_of

    vertex = vertex_of(config)
    return f"project {vertex.project}, {vertex.region}, as {vertex.service_account or 'the default account'}"


def _step_table(spec: "PipelineSpec") -> Table:
    """A row for each container: image, resources, retries and whether it may come from the cache."""
    table = Table()
    for column in ("step", "image", "cpu", "memory", "accelerator", "retries", "cached"):
        table.add_column(column)
    executors: dict[str, Any] = dict(spec.deployment_spec["executors"])
    for name, task in sorted(spec.root.dag.tasks.items()):
        executor = executors[spec.components[task.component_ref.name].executor_label]
        if "container" not in executor:
            continue
        container = executor["container"]
        resources = dict(container["resources"]) if "resources" in container else {}
        accelerator = resources.get("accelerator")
        table.add_row(
            name,
            container["image"],
            f"{resources['cpuLimit']:g}" if "cpuLimit" in resources else "",
            f"{resources['memoryLimit']:g} GB" if "memoryLimit" in resources else "",
            f"{accelerator['count']} {accelerator['type']}" if accelerator else "",
            str(task.retry_policy.max_retry_count),
            "yes" if task.caching_options.enable_cache else "no",
        )
    return table
