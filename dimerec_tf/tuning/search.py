"""The search: each trial is one training, kept on disk, so that a search that was killed goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.errors import FatalError

from dimerec_tf.config import Config, ConfigError, with_values
from dimerec_tf.config_tuning import TuningConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.training.checkpoint import TrainingStopped
from dimerec_tf.training.finite import TrainingDiverged
from dimerec_tf.tuning.space import hyperparameters

OBJECTIVE = "NDCG@10"

Metrics = dict[str, float]


class NothingFound(DimeRecError):
    """A search without a single finished trial."""


class SearchStopped(FatalError, TrainingStopped):
    """A search that was told to end within a trial; only a `FatalError` ends KerasTuner's."""


class Search(BaseTuner):
    """Bayesian optimisation of the validation NDCG@10.

    Args:
        config: what the trials vary.
        tuning: what they try, and how many there are.
        directory: of this search alone: its data, configuration and code. What it holds is not tried again.
        validate: trains a configuration and measures it on the validation split; the directory is the trial's own, for
            checkpoints.
        say: is told what starts.

    Raises:
        ConfigError: the space does not fit the configuration.
    """

    def __init__(
        self,
        config: Config,
        tuning: TuningConfig,
        directory: Path,
        validate: Callable[[Config, Path], Metrics],
        say: Callable[[str], None],
    ) -> None:
        self.config, self.validate, self.say = config, validate, say
        oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            keras_tuner.Objective(OBJECTIVE, "max"),
            max_trials=tuning.trials,
            hyperparameters=hyperparameters(config, tuning),
            seed=config.seed,
            allow_new_entries=False,
            tune_new_entries=False,
            max_consecutive_failed_trials=tuning.trials + 1,
        )
        oracle.verbose = 0
        super().__init__(oracle, directory=str(directory.parent), project_name=directory.name)

    def run_trial(self, trial: Any) -> Metrics:
        """One training with the trial's values; what they make impossible fails the trial, anything else the search."""
        values = trial.hyperparameters.values
        named = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in values.items()
        )
        self.say(f"Trial {len(self.oracle.start_order)} of {self.oracle.max_trials}: {named}")
        checkpoint_dir = Path(self.get_trial_dir(trial.trial_id)) / "checkpoint"
        try:
            metrics = self.validate(with_values(self.config, values), checkpoint_dir)
        except (ConfigError, TrainingDiverged) as error:
            self.say(f"This trial failed. {error}")
            metrics = {OBJECTIVE: float("nan")}
        except TrainingStopped as error:
            raise SearchStopped(str(error)) from error
        except Exception as error:
            raise FatalError(f"A trial broke off: {error}") from error
        shutil.rmtree(checkpoint_dir, ignore_errors=True)
        return metrics

    def on_search_end(self) -> None:
        """Raises `NothingFound` if no trial finished."""
        if self.oracle.get_best_trials(1)[0].status != TrialStatus.COMPLETED:
            raise NothingFound("All trials failed, for the reasons above: change tuning.space.")
