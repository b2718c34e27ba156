"""The section `model`: which keys it has depends on the kind of model that it names."""

from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from dimerec_tf.config_model import DimeRecConfig, SequenceModelConfig
from dimerec_tf.named_parts import MODELS, find
from dimerec_tf.suggestions import did_you_mean

OWN_KIND = "dimerec"  # `kind` may be left out for DimeRec itself


class OfItsKind:
    """Of a key whose value is the section of one of the kinds in `MODELS`: the annotation of the model's `config`.

    The file of a baseline is imported when a configuration names its kind; one of DimeRec is read without TensorFlow.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validated,
            serialization=core_schema.plain_serializer_function_ser_schema(_dumped, info_arg=True),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(core_schema.union_schema([_section(kind).__pydantic_core_schema__ for kind in MODELS]))


ModelConfig = Annotated[SequenceModelConfig, OfItsKind()]


def _validated(values: Any) -> SequenceModelConfig:
    if isinstance(values, SequenceModelConfig):
        return values
    if not isinstance(values, dict):
        raise ValueError("a mapping is needed")
    kind = values.get("kind", OWN_KIND)
    if not isinstance(kind, str) or kind not in MODELS:
        raise ValueError(f"kind must be one of {', '.join(MODELS)}.{did_you_mean(kind, MODELS)}".rstrip("."))
    return _section(kind).model_validate(values)


def _section(kind: str) -> type[SequenceModelConfig]:
    return DimeRecConfig if kind == OWN_KIND else find(MODELS, kind).__annotations__["config"]


def _dumped(section: SequenceModelConfig, info: core_schema.SerializationInfo) -> dict[str, Any]:
    return section.model_dump(mode=info.mode)
