"""The search: each trial is one training whose result is kept, so that a search that was killed goes on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus

from dimerec_tf.config import Config, ConfigError, with_values
from dimerec_tf.config_tuning import OBJECTIVE, TuningConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation.bench_runs import settings_fingerprint
from dimerec_tf.training.finite import TrainingDiverged
from dimerec_tf.tuning.space import hyperparameters
from dimerec_tf.whole_files import write_text

Validate = Callable[[Config, Path], float]


class NothingFound(DimeRecError):
    """A search without a single finished trial."""


class Search(BaseTuner):
    """Bayesian optimisation of the validation NDCG@10.

    What it tries next follows from the seed and the former trials' results alone. One that was killed is therefore made
    again from the start, takes what is kept, and ends with the trials of an undisturbed one.

    Args:
        config: what the trials vary, as its `tuning` says; the default one if it has none.
        directory: of these data and this code alone; what it holds is not tried again.
        validate: trains a configuration and gives its NDCG@10 on the validation split; the directory is for
            checkpoints.
        say: is told of each trial.
    """

    def __init__(self, config: Config, directory: Path, validate: Validate, say: Callable[[str], None]) -> None:
        self.tuning = config.tuning or TuningConfig()
        self.config = config.model_copy(update={"tuning": None})
        self.kept, self.validate, self.say = directory, validate, say
        oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            keras_tuner.Objective(OBJECTIVE, "max"),
            max_trials=self.tuning.trials,
            hyperparameters=hyperparameters(self.tuning),
            seed=config.seed + 1,  # KerasTuner takes 0 for none
            allow_new_entries=False,
            tune_new_entries=False,
            max_consecutive_failed_trials=self.tuning.trials + 1,
        )
        oracle.verbose = 0
        super().__init__(oracle, directory=str(directory), project_name="oracle", overwrite=True)

    def search(self) -> None:
        """Makes the trials; what their values make impossible fails a trial, any other error ends the search.

        Raises:
            NothingFound: no trial finished.
        """
        while (trial := self.oracle.create_trial(self.tuner_id)).status == TrialStatus.RUNNING:
            label = f"Trial {len(self.oracle.start_order)} of {self.oracle.max_trials}"
            self.say(f"{label}: {_named(trial.hyperparameters.values)}")
            try:
                accuracy = self._kept_accuracy(with_values(self.config, trial.hyperparameters.values))
            except (ConfigError, TrainingDiverged) as error:
                self.say(f"{label} failed. {error}")
                trial.status = TrialStatus.FAILED
            else:
                self.say(f"{label}: {OBJECTIVE} {100 * accuracy:.2f} %")
                self.oracle.update_trial(trial.trial_id, {OBJECTIVE: accuracy})
                trial.status = TrialStatus.COMPLETED
            self.oracle.end_trial(trial)
        if self.oracle.get_best_trials(1)[0].status != TrialStatus.COMPLETED:
            raise NothingFound("All trials failed, for the reasons above: change tuning.space.")

    def _kept_accuracy(self, config: Config) -> float:
        """Of a training that is made unless its result is kept, also that it diverged."""
        file = self.kept / f"{settings_fingerprint(config)}.json"
        checkpoint_dir = file.with_suffix(".checkpoint")
        if not file.exists():
            try:
                result: dict[str, Any] = {OBJECTIVE: self.validate(config, checkpoint_dir)}
            except TrainingDiverged as error:
                result = {"diverged": str(error)}
            write_text(file, json.dumps(result))
        shutil.rmtree(checkpoint_dir, ignore_errors=True)
        result = json.loads(file.read_text())
        if "diverged" in result:
            raise TrainingDiverged(result["diverged"])
        return float(result[OBJECTIVE])


def _named(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in values.items()
    )
