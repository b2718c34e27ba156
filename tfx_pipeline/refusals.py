"""Why the Evaluator refused a model."""

from typing import Any

from tensorflow_model_analysis.proto.validation_result_pb2 import ValidationResult


def refusals(result: ValidationResult) -> list[str]:
    """One sentence for every threshold that was missed, and for every slice that could not be judged.

    What holds overall comes first, then slices by name: TFMA lists them in an order that differs from run to run.
    """
    missed = {_slice_name(each.slice_key): each.failures for each in result.metric_validations_per_slice}
    sentences = [_missed(failure, place) for place in sorted(missed) for failure in missed[place]]
    absent = []
    for missing in result.missing_slices:
        names = [f"{feature}={value}" for feature, value in missing.feature_values.items()]
        place = f"with {' and '.join(names)} " if names else ""
        absent.append(f"The test split has no examples {place}to judge the model by.")
    return sentences + sorted(absent)


def _missed(failure: Any, place: str) -> str:
    name, value, threshold = failure.metric_key.name, failure.metric_value.double_value.value, failure.metric_threshold
    if failure.metric_key.is_diff:
        limit = threshold.change_threshold.absolute.value
        return f"{name}{place}: its change against the last blessed model, {value:+.4f}, is below {limit:+.4f}."
    return f"{name}{place}: its value, {value:.4f}, is below {threshold.value_threshold.lower_bound.value:.4f}."


def _slice_name(key: Any) -> str:
    names = [f"{part.column}={part.bytes_value.decode()}" for part in key.single_slice_keys]
    return f" of {' and '.join(names)}" if names else ""
