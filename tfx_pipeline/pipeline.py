"""The pipeline, every argument explicit: log -> sequences -> features -> model -> verdict -> pushed version."""

from typing import Any, NamedTuple

import tensorflow_model_analysis as tfma
from tfx import components
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from dimerec_tf.config import Config, ConfigError
from dimerec_tf.config_beam import BeamConfig
from dimerec_tf.data.items import items_hash
from tfx_pipeline.beam_options import beam_options
from tfx_pipeline.components.batch_recommender.component import BatchRecommender
from tfx_pipeline.components.data_watch import DataWatch
from tfx_pipeline.components.evaluator import Evaluator
from tfx_pipeline.components.index_builder.component import IndexBuilder
from tfx_pipeline.components.infra_validation import infra_validation
from tfx_pipeline.components.logged_requests import logged_requests
from tfx_pipeline.components.reviewed_schema import ReviewedSchema
from tfx_pipeline.components.sequence_example_gen.component import SequenceExampleGen
from tfx_pipeline.components.sequence_example_gen.query import QueryExampleGen
from tfx_pipeline.evaluation import TEST_SPLIT, evaluation_config
from tfx_pipeline.target import TRAIN_ARGS, Target

FLOORS = ("popularity", "sequential_rules")
MODEL = "dimerec"
VALIDATION_SPLIT = "eval"


class DataSteps(NamedTuple):
    """From the log to what is trained on; `requests` read what a server logged, if that is compared."""

    examples: BaseComponent
    statistics: BaseComponent
    schema: BaseComponent
    watch: BaseComponent
    transform: BaseComponent
    requests: tuple[BaseComponent, ...]

    @property
    def in_order(self) -> list[BaseComponent]:
        return [self.examples, self.statistics, self.schema, *self.requests, self.watch, self.transform]


def data_steps(
    config: Config, schema: str, rejected_dir: str, code_version: str, data_location: RuntimeParameter | None = None
) -> DataSteps:
    """The steps before training; arguments as for `build_pipeline` and `Target`."""
    if config.data.query:
        examples = QueryExampleGen(config.data, rejected_dir, code_version).with_id(SequenceExampleGen.__name__)
    else:
        examples = SequenceExampleGen(config.data, rejected_dir, code_version, data_location)
    statistics = components.StatisticsGen(examples=examples.outputs["examples"])
    reviewed = ReviewedSchema(text=schema)
    requests = logged_requests(config.watching.request_log) if config.watching.request_log else ()
    watch = DataWatch(
        statistics=statistics.outputs["statistics"],
        schema=reviewed.outputs["schema"],
        watching=config.watching.model_dump_json(),
        code_version=code_version,
        requests=requests[-1].outputs["statistics"] if requests else None,
    )
    validates = config.training.validation or _tunes(config)
    transformed = ["train", VALIDATION_SPLIT] if validates else ["train"]
    transform = components.Transform(
        examples=examples.outputs["examples"],
        schema=reviewed.outputs["schema"],
        preprocessing_fn="tfx_pipeline.modules.preprocessing.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(analyze=["train"], transform=transformed),
        custom_config={"min_item_count": config.data.min_item_count, "code": code_version},
        disable_statistics=True,
    )
    transform.add_upstream_node(watch)  # which may stop the pipeline
    return DataSteps(examples, statistics, reviewed, watch, transform, requests)


def last_blessed_model() -> Resolver:
    """Finds the last blessed model among those of pipelines with the same name."""
    return Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("LastBlessedModel")


def build_pipeline(
    *,
    name: str,
    root: str,
    metadata_path: str | None,
    config: Config,
    schema: str,
    rejected_dir: str,
    checkpoint_dir: str,
    code_version: str,
    run_id: str,
    target: Target,
) -> Pipeline:
    """Wires the components.

    Args:
        name: of the pipeline, in ML Metadata; a model is compared with the last blessed one of the same name.
        root: where artifacts are written.
        metadata_path: the ML Metadata sqlite file; a cluster has its own.
        config: what to do.
        schema: the reviewed schema of ExampleGen's output, as text.
        rejected_dir: where bad rows of the log are set aside.
        checkpoint_dir: where an interrupted training finds its state again.
        code_version: changes with the code, so that cached steps do not outlive an edit.
        run_id: differs with every run, so that Pusher always looks at what is live instead of trusting the cache.
        target: what differs from one place to another.

    Raises:
        ConfigError: `beam.steps` names a step that there is not, or that does not use Beam.
    """
    data = data_steps(config, schema, rejected_dir, code_version, target.data_location)
    custom_config = {"config": config.of_model().to_json(), "code": code_version}

    def train(
        run_fn: str,
        own_config: dict[str, Any],
        executor: type[BaseExecutor] | None = None,
        train_args: trainer_pb2.TrainArgs | RuntimeParameter = TRAIN_ARGS,
        **channels: Channel | None,
    ) -> BaseComponent:
        return components.Trainer(
            custom_executor_spec=ExecutorClassSpec(executor) if executor else None,
            run_fn=run_fn,
            examples=data.transform.outputs["transformed_examples"],
            transform_graph=data.transform.outputs["transform_graph"],
            schema=data.schema.outputs["schema"],
            train_args=train_args,
            eval_args=trainer_pb2.EvalArgs(splits=[VALIDATION_SPLIT if config.training.validation else "train"]),
            custom_config={
                **custom_config,
                "items": items_hash(config.data),  # so that an edited item file is exported anew
                **own_config,
            },
            **channels,
        )

    def tune() -> BaseComponent:
        return components.Tuner(
            tuner_fn="tfx_pipeline.modules.tuner.tuner_fn",
            examples=data.transform.outputs["transformed_examples"],
            transform_graph=data.transform.outputs["transform_graph"],
            schema=data.schema.outputs["schema"],
            train_args=TRAIN_ARGS,
            eval_args=trainer_pb2.EvalArgs(splits=[VALIDATION_SPLIT]),
            custom_config={**custom_config, "checkpoints": checkpoint_dir},
        )

    def evaluate(trainer: BaseComponent, eval_config: tfma.EvalConfig, baseline: Channel | None) -> BaseComponent:
        return Evaluator(
            examples=data.examples.outputs["examples"],
            example_splits=[TEST_SPLIT],
            model=trainer.outputs["model"],
            baseline_model=baseline,
            eval_config=eval_config,
            schema=data.schema.outputs["schema"],
        )

    categories = bool(config.data.items_path)
    steps: list[BaseNode] = list(data.in_order)
    for floor in FLOORS:
        floor_trainer = train("tfx_pipeline.modules.floors.run_fn", {"floor": floor}).with_id(f"Trainer.{floor}")
        floor_evaluator = evaluate(floor_trainer, evaluation_config(config.evaluation, False, categories), None)
        steps += [floor_trainer, floor_evaluator.with_id(f"Evaluator.{floor}")]

    tuner = tune() if _tunes(config) else None
    from_blessed = config.warm_start is not None and config.warm_start.previous is None
    trainer = train(
        "tfx_pipeline.modules.trainer.run_fn",
        {"checkpoints": checkpoint_dir, **target.trainer_settings},
        executor=target.trainer,
        train_args=target.train_args,
        base_model=target.last_blessed.outputs["model"] if from_blessed else None,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
    ).with_id(f"Trainer.{MODEL}")
    evaluator = evaluate(
        trainer, evaluation_config(config.evaluation, True, categories), target.last_blessed.outputs["model"]
    ).with_id(f"Evaluator.{MODEL}")
    examples = data.examples.outputs["examples"]
    indexer = IndexBuilder(trainer.outputs["model"], examples, code_version) if config.export.indexes else None
    served = (indexer or trainer).outputs["model"]
    validator = infra_validation(config, served, examples, code_version)
    pusher = components.Pusher(
        model=served,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=validator.outputs["blessing"] if validator else None,
        push_destination=target.push_destination,
        custom_config={"run_id": run_id, **target.pusher_settings},
        custom_executor_spec=ExecutorClassSpec(target.pusher),
    )
    recommender = config.steps.batch_recommender and BatchRecommender(
        examples=examples,
        model=served,
        pushed_model=pusher.outputs["pushed_model"],
        settings=config.steps.batch_recommender,
        code_version=code_version,
    )
    late = (tuner, trainer, target.last_blessed, evaluator, indexer, validator, pusher, recommender)
    steps += [step for step in late if step]
    _set_beam_options(steps, config.beam)
    return Pipeline(
        pipeline_name=name,
        pipeline_root=root,
        components=steps,
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(metadata_path) if metadata_path else None,
    )


def _set_beam_options(steps: list[BaseNode], beam: BeamConfig) -> None:
    data_steps = {step.id: step for step in steps if isinstance(step, BaseBeamComponent)}
    unknown = sorted(beam.steps.keys() - data_steps.keys())
    if unknown:
        raise ConfigError(f"beam.steps has {', '.join(unknown)}; the steps that use Beam are {', '.join(data_steps)}.")
    for name, step in data_steps.items():
        step.with_beam_pipeline_args(beam_options(beam.steps.get(name, beam.default)))


def _tunes(config: Config) -> bool:
    return config.tuning is not None and config.tuning.in_pipeline
