"""Beam reads the options as they were configured."""

from typing import Any

import pytest
from apache_beam.options import pipeline_options as beam

from dimerec_tf.config import ConfigError, parse_config
from tfx_pipeline.beam_options import beam_options

PORTABLE = {"environment": "external", "environment_config": "localhost:50000"}


def read(runner: dict[str, Any]) -> beam.PipelineOptions:
    return beam.PipelineOptions(beam_options(parse_config({"beam": {"default": runner}}).beam.default))


@pytest.mark.parametrize(("workers", "mode"), [(1, "in_memory"), (3, "multi_processing")])
def test_the_steps_own_machine(workers: int, mode: str) -> None:
    direct = read({"workers": workers}).view_as(beam.DirectOptions)
    assert (direct.direct_running_mode, direct.direct_num_workers) == (mode, workers)


def test_dataflow() -> None:
    place = {"project": "shop", "region": "europe-west4", "temp_location": "gs://shop/tmp", "image": "shop/worker"}
    options = read({"runner": "dataflow", **place, "machine_type": "n1-standard-4", "service_account": "a@shop"})
    cloud, workers = options.view_as(beam.GoogleCloudOptions), options.view_as(beam.WorkerOptions)
    assert options.view_as(beam.StandardOptions).runner == "DataflowRunner"
    assert (cloud.project, cloud.region, cloud.temp_location) == ("shop", "europe-west4", "gs://shop/tmp")
    assert cloud.service_account_email == "a@shop"
    assert (workers.sdk_container_image, workers.max_num_workers) == ("shop/worker", 4)
    assert workers.machine_type == "n1-standard-4"


def test_flink() -> None:
    options = read({"runner": "flink", "master": "flink:8081", "parallelism": 4, **PORTABLE})
    flink, portable = options.view_as(beam.FlinkRunnerOptions), options.view_as(beam.PortableOptions)
    assert options.view_as(beam.StandardOptions).runner == "FlinkRunner"
    assert (flink.flink_master, flink.parallelism) == ("flink:8081", 4)
    assert (portable.environment_type, portable.environment_config) == ("EXTERNAL", "localhost:50000")


def test_spark() -> None:
    options = read({"runner": "spark", "master": "spark://spark:7077", **PORTABLE})
    assert options.view_as(beam.StandardOptions).runner == "SparkRunner"
    assert options.view_as(beam.SparkRunnerOptions).spark_master_url == "spark://spark:7077"
    assert options.view_as(beam.PortableOptions).environment_type == "EXTERNAL"


def test_a_runner_of_another_name_and_a_foreign_key_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"beam\.default"):
        parse_config({"beam": {"default": {"runner": "samza"}}})
    with pytest.raises(ConfigError, match=r"beam\.steps\.Transform\.master"):
        parse_config({"beam": {"steps": {"Transform": {"master": "flink:8081"}}}})
