"""Adam whose step costs nothing for item vectors that the step did not read."""

from typing import Any

import tensorflow as tf


class LazyAdam(tf.keras.optimizers.Adam):
    """Adam that, of a variable with a sparse gradient, moves only the rows which the gradient names.

    Keras's own lets the moments of all other rows decay and moves them on, which reads and writes three tables in every
    step. Here a row rests until it is read again, as in most recommenders' trainers; a variable with a dense gradient
    is updated as ever.
    """

    def update_step(self, gradient: Any, variable: tf.Variable) -> None:
        """One step of Adam (arXiv 1412.6980, algorithm 1) with the moments of the rows that `gradient` names."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        place = self._index_dict[self._var_key(variable)]
        step = tf.cast(self.iterations + 1, variable.dtype)
        rate = tf.cast(self.learning_rate, variable.dtype) * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        momentum = _moved(self._momentums[place], gradient.indices, gradient.values, self.beta_1)
        velocity = _moved(self._velocities[place], gradient.indices, gradient.values**2, self.beta_2)
        change = rate * momentum / (tf.sqrt(velocity) + self.epsilon)
        variable.scatter_sub(tf.IndexedSlices(change, gradient.indices))


def _moved(moment: tf.Variable, rows: tf.Tensor, values: tf.Tensor, decay: float) -> tf.Tensor:
    """Moves those rows of a moment towards `values`, and returns them."""
    moved = decay * tf.gather(moment, rows) + (1 - decay) * values
    moment.scatter_update(tf.IndexedSlices(moved, rows))
    return moved
