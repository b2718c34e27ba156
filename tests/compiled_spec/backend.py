"""Runs a compiled specification on this machine: each step's own command, as a process, called as a cluster calls it.

Done as the backends do it: the order of steps, parameters and their defaults, what `{{$}}` stands for, where outputs
lie and what a step says about them. `Kubeflow` leaves the types of inputs out and knows no resolvers, `Vertex` has both
and runs ExampleGen's driver first. Emulated: containers (this interpreter, outside of the repository), buckets
(directories) and Vertex's metadata store (a list). Not done: caching, retries, resources.
"""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.json_format import MessageToDict, MessageToJson, Parse, ParseDict
from google.protobuf.struct_pb2 import Value
from kfp.pipeline_spec.pipeline_spec_pb2 import (
    ArtifactList,
    ExecutorInput,
    ExecutorOutput,
    PipelineDeploymentConfig,
    PipelineSpec,
    PipelineTaskSpec,
    RuntimeArtifact,
    TaskInputsSpec,
)

REPOSITORY = Path(__file__).parents[2]
ARGO_NAME = re.compile("[a-zA-Z0-9][-a-zA-Z0-9]*")
Artifacts = dict[str, list[RuntimeArtifact]]


class StepFailed(AssertionError):
    """A step's process ended with an error; the message has the end of what it said."""


@dataclass
class Backend:
    """One run after another of a specification; `outputs` are the newest run's by task, `store` has those of all."""

    spec: PipelineSpec
    root: Path
    outputs: dict[str, Artifacts] = field(default_factory=dict)
    store: list[RuntimeArtifact] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def run(self, parameters: dict[str, str] | None = None, only: tuple[str, ...] = ()) -> None:
        """Runs all tasks, or some of them with what others gave before."""
        self.check()
        for name in ordered(self.spec):
            if not only or name in only:
                self.outputs[name] = self.run_task(name, parameters or {})

    def check(self) -> None:
        """Refuses what the backend does not take."""

    def run_task(self, name: str, parameters: dict[str, str]) -> Artifacts:
        task = self.spec.root.dag.tasks[name]
        container = executor_of(self.spec, task).container
        call = self.call(name, task, parameters)
        self.drive(container, call)
        self.start(container.command, container.args, call)
        hear(call)
        made = {key: list(artifacts.artifacts) for key, artifacts in call.outputs.artifacts.items()}
        self.store += itertools.chain(*made.values())
        return made

    def call(self, name: str, task: PipelineTaskSpec, parameters: dict[str, str]) -> ExecutorInput:
        """What a step is called with."""
        component, call = self.spec.components[task.component_ref.name], ExecutorInput()
        directory = self.root / f"{name}_{next(self.ids)}"
        for key, source in task.inputs.parameters.items():
            call.inputs.parameter_values[key].CopyFrom(self.value(source, parameters))
        for key, source in task.inputs.artifacts.items():
            produced = source.task_output_artifact
            given = self.outputs[produced.producer_task][produced.output_artifact_key]
            call.inputs.artifacts[key].CopyFrom(ArtifactList(artifacts=[self.as_input(artifact) for artifact in given]))
        for key, declared in component.output_definitions.artifacts.items():
            artifact = RuntimeArtifact(
                name=self.artifact_name(),
                uri=str(directory / key),
                type=declared.artifact_type,
                metadata=declared.metadata,
            )
            call.outputs.artifacts[key].artifacts.append(artifact)
        call.outputs.output_file = str(self.output_file(directory))
        return call

    def value(self, source: TaskInputsSpec.InputParameterSpec, parameters: dict[str, str]) -> Value:
        if source.WhichOneof("kind") == "runtime_value":
            return source.runtime_value.constant
        name = source.component_input_parameter
        declared = self.spec.root.input_definitions.parameters[name]
        return Value(string_value=parameters[name]) if name in parameters else declared.default_value

    def artifact_name(self) -> str:
        return str(next(self.ids))

    def as_input(self, artifact: RuntimeArtifact) -> RuntimeArtifact:
        return artifact

    def output_file(self, directory: Path) -> Path:
        """Where a step says what it made, whose outputs lie in a directory."""
        return directory / "executor_output.json"

    def drive(self, container: PipelineDeploymentConfig.PipelineContainerSpec, call: ExecutorInput) -> None:
        """What comes before a step's command."""

    def start(self, command: list[str], args: list[str], call: ExecutorInput) -> None:
        """Runs a command to its end, in an empty directory and with nothing of this process but its interpreter."""
        filled = [word.replace("{{$}}", MessageToJson(call)) for word in [*command, *args]]
        assert filled[0] == "python", "the image's own"
        work = self.root / "container"
        work.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(work), "PYTHONPATH": str(REPOSITORY)}
        environment |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}  # as in the image
        result = subprocess.run(
            [sys.executable, *filled[1:]], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise StepFailed(f"{filled[1:3]} ended with {result.returncode}:\n{result.stderr[-3000:]}")


class Kubeflow(Backend):
    """As the open-source backend: steps' names are Argo's, inputs have no type, what a step says stays in its pod."""

    def check(self) -> None:
        for name, task in self.spec.root.dag.tasks.items():
            assert ARGO_NAME.fullmatch(name), f"Argo takes no task of the name {name}"
            assert executor_of(self.spec, task).WhichOneof("spec") == "container", "resolver not implemented yet"

    def as_input(self, artifact: RuntimeArtifact) -> RuntimeArtifact:
        bare = RuntimeArtifact()
        bare.CopyFrom(artifact)
        bare.ClearField("type")
        return bare

    def output_file(self, directory: Path) -> Path:
        return self.root / "pods" / directory.name / "kfp_outputs" / "output_metadata.json"


class Vertex(Backend):
    """As Vertex AI Pipelines, whose metadata store is `store`."""

    def artifact_name(self) -> str:
        return f"projects/1/locations/here/metadataStores/default/artifacts/{next(self.ids)}"

    def run_task(self, name: str, parameters: dict[str, str]) -> Artifacts:
        task = self.spec.root.dag.tasks[name]
        resolver = executor_of(self.spec, task).resolver
        if not resolver.output_artifact_queries:
            return super().run_task(name, parameters)
        given = [self.outputs[i.task_output_artifact.producer_task] for i in task.inputs.artifacts.values()]
        inputs = [artifact for outputs in given for artifacts in outputs.values() for artifact in artifacts]
        if given and not inputs:
            return {key: [] for key in resolver.output_artifact_queries}
        return {key: self.newest(query.filter, inputs) for key, query in resolver.output_artifact_queries.items()}

    def newest(self, query: str, inputs: list[RuntimeArtifact]) -> list[RuntimeArtifact]:
        """The artifact that was made last of those that a filter fits, if there is one."""
        for placeholder, key in re.findall(r"(\{\{.*?metadata\['(\w+)'\]\}\})", query):
            query = query.replace(placeholder, MessageToDict(inputs[0].metadata)[key])
        found = [artifact for artifact in self.store if fits(artifact, query)]
        return found[-1:]

    def drive(self, container: PipelineDeploymentConfig.PipelineContainerSpec, call: ExecutorInput) -> None:
        driver = container.lifecycle.pre_cache_check
        if driver.command:
            self.start(driver.command, driver.args, call)
            hear(call)


def ordered(spec: PipelineSpec) -> list[str]:
    """Task names, each behind those that it needs."""
    tasks, done = spec.root.dag.tasks, []
    while len(done) < len(tasks):
        ready = [name for name in sorted(tasks) if name not in done and needs(tasks[name]) <= set(done)]
        assert ready, "tasks wait for one another, or for one that there is not"
        done += ready
    return done


def needs(task: PipelineTaskSpec) -> set[str]:
    producers = {source.task_output_artifact.producer_task for source in task.inputs.artifacts.values()}
    return producers | set(task.dependent_tasks)


def executor_of(spec: PipelineSpec, task: PipelineTaskSpec) -> PipelineDeploymentConfig.ExecutorSpec:
    deployment = ParseDict(MessageToDict(spec.deployment_spec), PipelineDeploymentConfig())
    return deployment.executors[spec.components[task.component_ref.name].executor_label]


def hear(call: ExecutorInput) -> None:
    """Takes over what a process says about its outputs."""
    said = ExecutorOutput()
    Parse(Path(call.outputs.output_file).read_text(), said)
    for key, artifacts in said.artifacts.items():
        artifact, heard = call.outputs.artifacts[key].artifacts[0], artifacts.artifacts[0]
        artifact.uri = heard.uri or artifact.uri
        artifact.metadata.update(MessageToDict(heard.metadata))


def fits(artifact: RuntimeArtifact, query: str) -> bool:
    """Whether an artifact is what a filter of the kinds that TFX writes asks for; all artifacts are LIVE here."""
    title = re.search(r"^title: (\S+)", artifact.type.instance_schema)[1]
    metadata = MessageToDict(artifact.metadata)
    for clause in query.split(" AND "):
        name, value = clause.split("=", 1)
        if name == "state":
            same = value == "LIVE"
        elif name.startswith("metadata."):
            same = float(metadata.get(name.split(".")[1], "nan")) == float(value)
        else:
            same = {"schema_title": title, "name": artifact.name}[name] == value.strip('"')
        if not same:
            return False
    return True
