"""A shipped configuration on a log, or on the public data set of its name."""

from pathlib import Path

from dimerec_tf.config import Config, load_config, load_preset
from dimerec_tf.environment import cache_dir
from dimerec_tf.errors import DimeRecError


def require_one_source(config: Path | None, preset: str | None, log: Path | None, items: Path | None = None) -> None:
    """Raises `DimeRecError` unless there is either a file, which names its own log, or a preset."""
    if (config is None) == (preset is None):
        raise DimeRecError("Name what to run: either --config FILE or --preset NAME.")
    if config and (log or items):
        raise DimeRecError(f"--log and --items go with --preset: {config} names its own files.")


def load_source(config: Path | None, preset: str | None, log: Path | None) -> Config:
    """The configuration in a file, or a preset with its data.

    Raises:
        DimeRecError: as for `require_one_source`, `load_config` and `load_preset_with_data`.
    """
    require_one_source(config, preset, log)
    return load_config(config) if config else load_preset_with_data(preset or "", log, None)


def load_preset_with_data(name: str, log: Path | None, items: Path | None) -> Config:
    """Reads a preset; without a log, fetches its data set. A log has categories if there is an item file beside it.

    Raises:
        ConfigError: there is no such preset.
        DatasetError: its data set could not be fetched.
    """
    from dimerec_tf.data.public import INTERACTIONS, ITEMS, SOURCES, DatasetError, fetch

    shipped = load_preset(name)
    if log is None and name not in SOURCES:
        raise DatasetError(f"The log of {name} is not fetched from anywhere: name your copy with --log.")
    if log:
        files = {"path": str(log), "items_path": str(items or "")}
    else:
        folder = fetch(name, cache_dir())
        files = {"path": str(folder / INTERACTIONS), "items_path": str(items or folder / ITEMS)}
    return shipped.model_copy(update={"data": shipped.data.model_copy(update=files)})
