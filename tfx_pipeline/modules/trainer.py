"""Trainer: fits DimeRec on the transformed sequences and writes its exact export."""

import hashlib
import os
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import tensorflow as tf
from keras_tuner import HyperParameters
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.io import fileio

from dimerec_tf.config import Config, with_values
from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.export.load import load_model
from dimerec_tf.export.save import save_exact
from dimerec_tf.features import read_vocabulary
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.training.fit import fit
from dimerec_tf.training.length import epochs_for
from dimerec_tf.training.parameter_servers import serve
from dimerec_tf.training.sequences import Sequences, window_bounds
from dimerec_tf.training.strategy import build_strategy, described_cluster, is_chief, only_serves
from dimerec_tf.training.warm_start import WarmStart, extended_catalogue, shortened
from tfx_pipeline.modules.transformed import num_items, training_sequences, validation_cases, vocabulary_file
from tfx_pipeline.places import here, written_here


def run_fn(fn_args: FnArgs) -> None:
    """Entry point of TFX's Trainer.

    `custom_config` holds `config` (the JSON of a `Config`) and `checkpoints` (a directory that outlives a killed run;
    its name says which configuration and code it belongs to). Of several workers the chief alone exports.

    Raises:
        SystemExit: the training is done, and this is not the chief.
    """
    config = tuned(Config.model_validate_json(fn_args.custom_config["config"]), fn_args)
    if only_serves(config.training.strategy):
        serve(described_cluster(config.training.strategy)).join()  # until whoever started this process ends it
    strategy = build_strategy(config.training.strategy)  # before TensorFlow computes anything
    sequences = training_sequences(fn_args)
    catalogue, previous = vocabulary_file(fn_args), previous_export(config, fn_args)
    data = data_name(catalogue, sequences, previous, fn_args.train_steps)
    checkpoint_dir = f"{fn_args.custom_config['checkpoints']}/{data}"
    trained = partial(
        fit,
        checkpoint_dir=checkpoint_dir,
        validation=validation_cases(fn_args) if config.training.validation else None,
        log_dir=fn_args.model_run_dir,
    )
    if previous:
        loaded = load_model(here(previous))
        ids = extended_catalogue(read_vocabulary(catalogue), loaded.ids)
        items = len(ids)
        catalogue = Path(mkdtemp(), catalogue.name)
        Encoder(ids).save(catalogue)
        shorter = lasting(shortened(config), fn_args.train_steps, sequences)
        model = trained(shorter, sequences, items, start=WarmStart(loaded, config, ids))
    else:
        items = num_items(fn_args)
        model = trained(lasting(config, fn_args.train_steps, sequences), sequences, items)
    if not is_chief(strategy):
        raise SystemExit  # TFX's executor would ask for an export
    events = np.bincount(sequences.rows, minlength=items + 1)
    place, name = os.path.split(fn_args.serving_model_dir)
    with written_here(place) as directory:
        save_exact(ModelScorer(model), catalogue, config, directory / name, events)
    tf.io.gfile.rmtree(checkpoint_dir)


def lasting(config: Config, steps: int | None, sequences: Sequences) -> Config:
    """The configuration with so many epochs that they have at least `steps`, if the pipeline was started with some."""
    if not steps:
        return config
    bounds = window_bounds(sequences, config.model.max_history)
    return with_values(config, {"training.epochs": epochs_for(steps, config.training, bounds)})


def tuned(config: Config, fn_args: FnArgs) -> Config:
    """The configuration with the best values of the Tuner, if there is one."""
    if not fn_args.hyperparameters:
        return config
    return with_values(config, HyperParameters.from_config(fn_args.hyperparameters).values)


def previous_export(config: Config, fn_args: FnArgs) -> str | None:
    """Where a warm start finds its weights: what the configuration names, or else the last blessed model, if any."""
    if not config.warm_start:
        return None
    if config.warm_start.previous:
        return config.warm_start.previous
    return fn_args.base_model if fn_args.base_model and fileio.isdir(fn_args.base_model) else None


def data_name(vocabulary: Path, sequences: Sequences, previous: str | None, steps: int | None) -> str:
    """A hash of what is trained on, from and for how long, so that no training goes on from another one's state."""
    digest = hashlib.sha256(vocabulary.read_bytes())
    digest.update(sequences.rows.tobytes() + sequences.splits.tobytes() + f"{previous} {steps}".encode())
    return digest.hexdigest()[:12]
