"""Typed configuration: one YAML file describes data, model, training, evaluation and export.

Every class refuses unknown keys and is immutable; `Config.fingerprint` goes into every result.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, ValidationError, model_validator

from dimerec_tf.config_base import PositiveInt, Section
from dimerec_tf.config_beam import BeamConfig
from dimerec_tf.config_cluster import ClusterConfig
from dimerec_tf.config_data import DATA_SWITCHES, DataConfig
from dimerec_tf.config_evaluation import EVALUATION_SWITCHES, EvaluationConfig
from dimerec_tf.config_kinds import ModelConfig
from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.config_pipeline_steps import StepsConfig
from dimerec_tf.config_problems import problem_lines
from dimerec_tf.config_training import CLUSTERED, SWITCHES, TrainingConfig
from dimerec_tf.config_tuning import TuningConfig
from dimerec_tf.config_warm_start import WarmStartConfig
from dimerec_tf.config_watching import WatchingConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.named_parts import INDEXES, NameIn
from dimerec_tf.suggestions import did_you_mean
from dimerec_tf.yaml_text import load_yaml

AROUND = ("beam", "cluster", "steps")  # sections about where steps run, and about those around the model
AnySection = TypeVar("AnySection", bound=Section)
SECTION_SWITCHES = {"training": SWITCHES, "data": DATA_SWITCHES, "evaluation": EVALUATION_SWITCHES}


class ConfigError(DimeRecError, ValueError):
    """A configuration that cannot be used; the message names each key and what was received."""


IndexName = Annotated[str, NameIn(INDEXES)]


class ExportConfig(Section):
    """`max_k` bounds the `k` of a request, and one that names none gets `default_k` items.

    Beside the exact export there is one for each of `indexes`.

    An index has about so many `leaves`. By default IVF has one for every 256 items and ScaNN twice the square root of
    their number; below 20,000 items both are an exact search. An index visits as many leaves as find `target_recall`
    of the exact best 50 items on training histories, with two standard errors to spare.
    """

    max_k: PositiveInt = 100
    default_k: PositiveInt = 10
    indexes: tuple[IndexName, ...] = ("ivf", "scann")
    leaves: PositiveInt | None = None
    target_recall: Annotated[float, Field(gt=0, le=1)] = 0.98

    @model_validator(mode="after")
    def _default_fits(self) -> "ExportConfig":
        if self.default_k > self.max_k:
            raise ValueError(f"default_k is {self.default_k}, more than max_k, {self.max_k}")
        return self


class Config(Section):
    """Everything a run needs, as one immutable value.

    `name` is the served model's, and names its directory. `seed` is of everything random.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")] = "dimerec"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42
    data: DataConfig = DataConfig()
    watching: WatchingConfig = WatchingConfig()
    model: ModelConfig = DimeRecConfig()
    training: TrainingConfig = TrainingConfig()
    warm_start: WarmStartConfig | None = None
    tuning: TuningConfig | None = None
    evaluation: EvaluationConfig = EvaluationConfig()
    export: ExportConfig = ExportConfig()
    steps: StepsConfig = StepsConfig()
    beam: BeamConfig = BeamConfig()
    cluster: ClusterConfig | None = None

    @model_validator(mode="after")
    def _has_item_vectors(self) -> "Config":
        if self.warm_start and self.model.kind == "mult_vae":
            raise ValueError("warm_start matches item vectors, which mult_vae has not: take it out")
        if self.training.lazy_items and self.model.kind == "mult_vae":
            raise ValueError("training.lazy_items is about item vectors, which mult_vae has not: take it out")
        return self

    @model_validator(mode="after")
    def _compiles(self) -> "Config":
        if self.training.jit_compile and self.model.kind != "dimerec":
            raise ValueError(f"training.jit_compile is for the kind dimerec, not for {self.model.kind}: take it out")
        if self.training.jit_compile and self.training.strategy != "one_device":
            raise ValueError(f"training.jit_compile is for one_device, not for {self.training.strategy}: take it out")
        return self

    @model_validator(mode="after")
    def _workers_can_join(self) -> "Config":
        if self.tuning and self.tuning.in_pipeline and self.training.strategy in CLUSTERED:
            raise ValueError(
                "tuning.in_pipeline trains in the pipeline's own process, where no workers join: take it out, or "
                "multi_worker"
            )
        return self

    @model_validator(mode="after")
    def _warm_start_is_validated(self) -> "Config":
        validation = self.training.validation
        if self.warm_start and validation and validation.every_epochs > self.warm_start.epochs:
            raise ValueError(
                f"training.validation.every_epochs is {validation.every_epochs}, more than warm_start.epochs, "
                f"{self.warm_start.epochs}"
            )
        return self

    @model_validator(mode="after")
    def _export_covers_evaluation(self) -> "Config":
        if max(self.evaluation.top_k) > self.export.max_k:
            raise ValueError(
                f"evaluation.top_k reaches {max(self.evaluation.top_k)}, but export.max_k is {self.export.max_k}"
            )
        return self

    @model_validator(mode="after")
    def _export_covers_batches(self) -> "Config":
        batches = self.steps.batch_recommender
        if batches and batches.k > self.export.max_k:
            raise ValueError(f"steps.batch_recommender.k is {batches.k}, but export.max_k is {self.export.max_k}")
        return self

    def fingerprint(self) -> str:
        """The first 12 hex digits of the SHA-256 of the canonical JSON form, without what changes no result: how often
        a training's state is kept, how data is watched, on which machines, the steps around it, and switches that are
        not used.
        """
        values = self.model_dump(mode="json", exclude=set(AROUND))
        del values["training"]["checkpoint_minutes"]
        del values["watching"]
        for section, switches in SECTION_SWITCHES.items():
            defaults = type(getattr(self, section))().model_dump(mode="json")
            for switch in switches:
                if values[section][switch] == defaults[switch]:
                    del values[section][switch]
        if self.tuning is None:
            del values["tuning"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def of_model(self) -> "Config":
        """What makes a model, wherever it is made, so that it comes from the cache when only the rest changed."""
        return self.model_copy(update={name: Config.model_fields[name].default for name in AROUND})

    def to_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def parse_config(values: dict[str, Any]) -> Config:
    """Validates a nested dictionary.

    Raises:
        ConfigError: a key is unknown or a value unusable; so for each end of a range and value of `tuning.space`.
    """
    config = validate(Config, values)
    if config.tuning:
        untuned = config.model_copy(update={"tuning": None})
        for key, value in config.tuning.extremes():
            try:
                with_values(untuned, {key: value})
            except ConfigError as error:
                raise ConfigError(f"tuning.space has {value!r} for {key}. {error}") from error
    return config


def vary(config: Config, changes: Mapping[str, Any]) -> Config:
    """A configuration with other values for keys of its model, written like `diffusion.num_steps`.

    Raises:
        ConfigError: a key is unknown or a value unusable.
    """
    return with_values(config, {f"model.{key}": value for key, value in changes.items()})


def with_values(config: Config, changes: Mapping[str, Any]) -> Config:
    """A configuration with other values for keys of any section, written like `training.learning_rate`.

    A section that there is not begins with its defaults.

    Raises:
        ConfigError: a key is unknown or a value unusable.
    """
    values = config.model_dump()
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = values
        for section in sections:
            if place.get(section) is None:
                place[section] = {}
            place = place[section]
            if not isinstance(place, dict):
                raise ConfigError(f"{section} has no keys of its own, but {key} was to be set.")
        place[last] = value
    return parse_config(values)


def validate(kind: type[AnySection], values: dict[str, Any]) -> AnySection:
    """Makes a section of any kind from a nested dictionary.

    Raises:
        ConfigError: a key is unknown or a value unusable.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(["The configuration cannot be used:", *problem_lines(error)])) from error


def load_config(path: str | Path) -> Config:
    """Reads a YAML file. A relative `data.path` is taken relative to the current directory.

    Raises:
        ConfigError: the file is missing, not a YAML mapping, or not a valid configuration.
    """
    return parse_config(read_yaml(path))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file of UTF-8.

    Raises:
        ConfigError: the file cannot be read, or is not a YAML mapping.
    """
    try:
        content = Path(path).read_bytes()
        return _mapping(content.decode(), str(path))
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path} is not UTF-8: line {line} holds the byte 0x{content[error.start]:02x}. Save it as UTF-8."
        ) from error


def load_preset(name: str) -> Config:
    """Reads a configuration that ships with the package.

    Raises:
        ConfigError: there is no such preset.
    """
    known = preset_names()
    if name not in known:
        raise ConfigError(
            f"There is no preset {name!r}; the presets are {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return parse_config(_mapping(resources.files("dimerec_tf").joinpath(f"presets/{name}.yaml").read_text(), name))


def preset_names() -> list[str]:
    folder = resources.files("dimerec_tf").joinpath("presets")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _mapping(text: str, source: str) -> dict[str, Any]:
    try:
        values = load_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{source} is not valid YAML{where}: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{source} must hold a YAML mapping, got {type(values).__name__}.")
    return values
