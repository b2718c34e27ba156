"""A shipped configuration on the public data set of its name."""

from dimerec_tf.config import Config, load_preset
from dimerec_tf.environment import cache_dir


def load_preset_with_data(name: str) -> Config:
    """Reads a preset and fetches its data set.

    Raises:
        ConfigError: there is no such preset.
        DatasetError: its data set could not be fetched.
    """
    from dimerec_tf.data.public import INTERACTIONS, ITEMS, fetch

    shipped = load_preset(name)
    folder = fetch(name, cache_dir())
    data = shipped.data.model_copy(update={"path": str(folder / INTERACTIONS), "items_path": str(folder / ITEMS)})
    return shipped.model_copy(update={"data": data})
