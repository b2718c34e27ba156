"""TF Serving's BatchingParameters and MonitoringConfig, which tensorflow-serving-api does not ship.

Built from the fields that its session_bundle_config.proto and monitoring_config.proto declare.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_FIELD = descriptor_pb2.FieldDescriptorProto
_WRAPPED = {name: f".google.protobuf.{name}" for name in ("Int64Value", "StringValue")}
_MESSAGES = {
    "BatchingParameters": [
        ("max_batch_size", "Int64Value"),
        ("batch_timeout_micros", "Int64Value"),
        ("max_enqueued_batches", "Int64Value"),
        ("num_batch_threads", "Int64Value"),
        ("thread_pool_name", "StringValue"),
        ("allowed_batch_sizes", "repeated int64"),
        ("pad_variable_length_inputs", "bool"),
    ],
    "PrometheusConfig": [("enable", "bool"), ("path", "string")],
    "MonitoringConfig": [("prometheus_config", "PrometheusConfig")],
}
_SCALARS = {"int64": _FIELD.TYPE_INT64, "bool": _FIELD.TYPE_BOOL, "string": _FIELD.TYPE_STRING}
_PACKAGE = "dimerec.tests"


def _field(number: int, name: str, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    label = _FIELD.LABEL_REPEATED if kind.startswith("repeated ") else _FIELD.LABEL_OPTIONAL
    kind = kind.removeprefix("repeated ")
    if kind in _SCALARS:
        return _FIELD(name=name, number=number, label=label, type=_SCALARS[kind])
    type_name = _WRAPPED.get(kind, f".{_PACKAGE}.{kind}")
    return _FIELD(name=name, number=number, label=label, type=_FIELD.TYPE_MESSAGE, type_name=type_name)


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="dimerec_tests.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    for message, fields in _MESSAGES.items():
        entries = [_field(number, name, kind) for number, (name, kind) in enumerate(fields, start=1)]
        file.message_type.add(name=message, field=entries)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool


_FACTORY = message_factory.MessageFactory(_pool())
_POOL = _FACTORY.pool
BatchingParameters = _FACTORY.GetPrototype(_POOL.FindMessageTypeByName(f"{_PACKAGE}.BatchingParameters"))
MonitoringConfig = _FACTORY.GetPrototype(_POOL.FindMessageTypeByName(f"{_PACKAGE}.MonitoringConfig"))
