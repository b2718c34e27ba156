"""What a step found wrong with the data, as people read it."""

from pathlib import Path

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies

ANOMALIES_FILE = "SchemaDiff.pb"


def read_anomalies(uri: str) -> list[str]:
    """A sentence for each anomaly of an ExampleAnomalies artifact, by split."""
    sentences = []
    for file in sorted(Path(uri).glob(f"Split-*/{ANOMALIES_FILE}")):
        split = file.parent.name.removeprefix("Split-")
        sentences += describe(Anomalies.FromString(file.read_bytes()), split)
    return sentences


def describe(found: Anomalies, split: str) -> list[str]:
    """A sentence for each anomaly of a split."""
    infos = dict(found.anomaly_info)
    if found.HasField("dataset_anomaly_info"):
        infos["data set"] = found.dataset_anomaly_info
    return [f"{name} in the {split} split: {infos[name].description}" for name in sorted(infos)]
