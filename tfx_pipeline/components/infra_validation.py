"""The step that a model has to pass in a server before it is pushed."""

from tfx.components import InfraValidator
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import infra_validator_pb2 as proto
from tfx.types import BaseChannel

from dimerec_tf.config import Config
from dimerec_tf.config_pipeline_steps import InfraValidatorConfig
from tfx_pipeline.components.serving_check.component import ServingCheck
from tfx_pipeline.evaluation import TEST_SPLIT


def infra_validation(
    config: Config, model: BaseChannel, examples: BaseChannel, code_version: str
) -> BaseComponent | None:
    """The component that `steps.infra_validation` names, whose `blessing` Pusher takes as `infra_blessing`."""
    if config.steps.infra_validation == "serving_check":
        return ServingCheck(model, examples, config, code_version)
    if config.steps.infra_validation == "infra_validator":
        return _infra_validator(config.steps.infra_validator, config.name, model, examples)
    return None


def _infra_validator(
    settings: InfraValidatorConfig, name: str, model: BaseChannel, examples: BaseChannel
) -> InfraValidator:
    serving = proto.ServingSpec(model_name=name, tensorflow_serving=proto.TensorFlowServing(tags=[settings.tag]))
    getattr(serving, settings.platform).SetInParent()
    return InfraValidator(
        model=model,
        examples=examples,
        serving_spec=serving,
        validation_spec=proto.ValidationSpec(
            max_loading_time_seconds=settings.max_loading_seconds, num_tries=settings.tries
        ),
        request_spec=proto.RequestSpec(
            # The one signature that takes serialised examples and recommends.
            tensorflow_serving=proto.TensorFlowServingRequestSpec(signature_names=["serve_examples"]),
            split_name=TEST_SPLIT,
            num_examples=settings.examples,
        ),
    )
