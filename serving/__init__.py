"""The embedded server and its client; importing them chooses Keras 2 first, as `dimerec_tf` does."""

import dimerec_tf  # noqa: F401
