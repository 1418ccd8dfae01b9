"""Torch modules of all models: built untrained, loaded from weights, and converted back to weights."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from lightfuse.models.config import Config, PaperConfig, config_of
from lightfuse.models.context import ContextModel
from lightfuse.models.paper import PaperModel
from lightfuse.models.store import Weights, load_weights

__all__ = ["ContextModel", "Model", "PaperModel", "build", "from_weights", "load", "to_weights"]

Model = PaperModel | ContextModel


def build(model: str | Config) -> Model:
    """An untrained module, by a known model's name or a configuration; raises WeightsError for an unknown model."""
    config = config_of(model) if isinstance(model, str) else model
    return PaperModel(config) if isinstance(config, PaperConfig) else ContextModel(config)


def load(model: str | Path) -> Model:
    """A trained module, in evaluation mode, by a shipped model's name or a weights file's path.

    Raises WeightsError as `load_weights` does.
    """
    return from_weights(load_weights(model))


def from_weights(weights: Weights) -> Model:
    """The module that these weights belong to, in evaluation mode."""
    module = build(weights.config)
    module.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in weights.tensors.items()})
    return module.eval()


def to_weights(module: Model, model: str, notes: Mapping[str, str]) -> Weights:
    """A module's parameters as weights that can be saved, under a model's name."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    return Weights(model, tensors, notes, module.config)
