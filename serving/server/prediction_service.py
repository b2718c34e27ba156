"""TF Serving's PredictionService: Predict and GetModelMetadata."""

from typing import NoReturn

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.server.call import Call
from serving.server.errors import RequestError, aborting
from serving.server.manager import ModelManager
from serving.server.prediction import Predictor, answering_spec, checked_spec

_SIGNATURE_FIELD = "signature_def"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers from the versions that a manager serves."""

    def __init__(self, manager: ModelManager, predictor: Predictor) -> None:
        self._manager = manager
        self._predictor = predictor

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        with aborting(context):
            return self._predictor.predict(request, Call.of(context))

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        with aborting(context):
            spec = checked_spec(request)
            _check_fields(request)
            with self._manager.lease(spec) as lease:
                signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=lease.loaded.signature_defs)
                answering = answering_spec(spec.name, lease)
            response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=answering)
            response.metadata[_SIGNATURE_FIELD].Pack(signatures)
            return response

    def Classify(
        self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext
    ) -> classification_pb2.ClassificationResponse:
        _unimplemented("Classify", context)

    def Regress(
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        _unimplemented("Regress", context)

    def MultiInference(
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        _unimplemented("MultiInference", context)


def _check_fields(request: get_model_metadata_pb2.GetModelMetadataRequest) -> None:
    if not request.metadata_field:
        raise RequestError(
            grpc.StatusCode.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in request.metadata_field:
        if field != _SIGNATURE_FIELD:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"Metadata field {field} is not supported")


def _unimplemented(method: str, context: grpc.ServicerContext) -> NoReturn:
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        f"{method} is not offered: recommenders have no classification or regression signature. Use Predict.",
    )
    raise AssertionError("abort always raises")
