"""Trainer of the floors: the baselines that need no learning, exported like the model and evaluated like it."""

import os

import numpy as np
from tfx.components.trainer.fn_args_utils import FnArgs

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.baselines.sequential_rules import SequentialRules
from dimerec_tf.config import Config
from dimerec_tf.export.save import save_exact
from tfx_pipeline.modules.transformed import num_items, training_sequences, vocabulary_file
from tfx_pipeline.places import written_here


def run_fn(fn_args: FnArgs) -> None:
    """Entry point of TFX's Trainer; `custom_config` holds `config` (JSON) and `floor` (one of `FLOORS`)."""
    config = Config.model_validate_json(fn_args.custom_config["config"])
    sequences, items = training_sequences(fn_args), num_items(fn_args)
    if fn_args.custom_config["floor"] == "popularity":
        scorer = Popularity.fit(sequences, items)
    else:
        scorer = SequentialRules.fit(sequences, items, config.evaluation.rules_window)
    events = np.bincount(sequences.rows, minlength=items + 1)
    place, name = os.path.split(fn_args.serving_model_dir)
    with written_here(place) as directory:
        save_exact(scorer, vocabulary_file(fn_args), config, directory / name, events)
