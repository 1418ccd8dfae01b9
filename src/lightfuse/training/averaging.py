"""A running average of the weights, which validates better and shakes less than the newest ones."""

import copy

import torch

from lightfuse.models import Model


class AveragedModel:
    """An exponential moving average of a model's parameters; ``decay`` 0 makes it the model itself."""

    def __init__(self, model: Model, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, model: Model, step: int) -> None:
        """Take in the parameters of after ``step`` steps; early on the average forgets faster."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for mean, newest in zip(self.model.parameters(), model.parameters(), strict=True):
            mean.lerp_(newest, 1 - decay)
