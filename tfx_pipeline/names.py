"""Names of pipelines and of their steps."""

import hashlib
import re

from dimerec_tf.config import Config
from dimerec_tf.config_data import SplitConfig
from dimerec_tf.config_evaluation import EvaluationConfig


def pipeline_name(config: Config) -> str:
    """The configured name and a hash of how models are measured; a baseline is looked for under it."""
    return f"{config.name}-{measured(config.data.split, config.evaluation)}"


def measured(split: SplitConfig, evaluation: EvaluationConfig) -> str:
    """A hash of how models are measured.

    A baseline that was trained on another split may have learned from this one's test targets, and whether seen items
    are left out is part of its export: neither is a fair comparison.
    """
    return hashlib.sha256(f"{split.model_dump_json()} {evaluation.filter_seen}".encode()).hexdigest()[:8]


def cluster_name(name: str) -> str:
    """A pipeline's or a step's name of letters, digits and `-` only, as Argo Workflows wants it."""
    return re.sub("[^A-Za-z0-9-]", "-", name)
