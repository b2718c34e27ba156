"""The TFX pipeline around DimeRec; importing it chooses Keras 2 first, as `dimerec_tf` does."""

import dimerec_tf  # noqa: F401
