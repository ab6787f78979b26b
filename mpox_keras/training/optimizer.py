"""AdamW whose learning rate may differ from variable to variable."""

from __future__ import annotations

import re
from collections.abc import Mapping

import keras

_NOT_DECAYED = re.compile("gamma|beta|bias")


class LayerwiseAdamW(keras.optimizers.Adam):
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with discriminative learning rates (Howard and Ruder 2018,
    arXiv 1801.06146, section 3.2).

    Keras's own AdamW has one learning rate, and its MultiOptimizer can't leave variables out. Scales, offsets and biases are
    not decayed.

    Args:
        learning_rate: a number or a schedule.
        decay: weight decay.
        factors: path of a variable -> what its learning rate is multiplied by; 1 for those not named.
        **options: of `keras.optimizers.Adam`.

    Example:
        >>> optimizer = LayerwiseAdamW(2e-3, 0.05, {"stem_convolution/kernel": 0.1})
    """

    def __init__(self, learning_rate: float, decay: float = 0.0, factors: Mapping[str, float] | None = None, **options):
        super().__init__(learning_rate, **options)
        self.decay = decay
        self.factors = dict(factors or {})

    def build(self, variables: list):
        """Called by Keras with the variables to train."""
        super().build(variables)
        self._factor = [self.factors.get(variable.path, 1.0) for variable in variables]
        self._decayed = [not _NOT_DECAYED.search(variable.name) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        """Called by Keras for each variable."""
        index = self._get_variable_index(variable)
        learning_rate = learning_rate * self._factor[index]
        if self._decayed[index]:
            self.assign_sub(variable, variable * self.decay * learning_rate)
        super().update_step(gradient, variable, learning_rate)
