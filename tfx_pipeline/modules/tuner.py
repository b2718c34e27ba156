"""Tuner: searches the configured space on the transformed sequences, judged on the validation split."""

from pathlib import Path
from tempfile import mkdtemp

from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from dimerec_tf.config import Config
from dimerec_tf.config_tuning import OBJECTIVE
from dimerec_tf.evaluation.evaluator import compile_search, retrieve, target_ranks
from dimerec_tf.metrics.ranking import summarise
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer
from dimerec_tf.training.fit import fit
from dimerec_tf.tuning.search import Search
from tfx_pipeline.modules.trainer import data_name
from tfx_pipeline.modules.transformed import num_items, training_sequences, validation_cases, vocabulary_file


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Entry point of TFX's Tuner; `custom_config` is as for the Trainer."""
    config = Config.model_validate_json(fn_args.custom_config["config"])
    sequences, items, cases = training_sequences(fn_args), num_items(fn_args), validation_cases(fn_args)
    histories, targets = ([part[place].tolist() for place in range(len(part))] for part in cases)

    def validate(trial: Config, checkpoint_dir: Path) -> float:
        model = fit(trial, sequences, items, checkpoint_dir, validation=cases)
        search = compile_search(ExactRetriever(ModelScorer(model)))
        ranks = target_ranks(retrieve(search, histories, trial.evaluation.filter_seen, depth=10), targets)
        return summarise(ranks, [10])[OBJECTIVE]

    checkpoints = fn_args.custom_config["checkpoints"]
    root = Path(mkdtemp() if "://" in checkpoints else checkpoints)  # KerasTuner's files are of this machine
    kept = root / f"tuning-{data_name(vocabulary_file(fn_args), sequences, None, None)}"
    return TunerFnResult(tuner=Search(config, kept, validate, print), fit_kwargs={})
