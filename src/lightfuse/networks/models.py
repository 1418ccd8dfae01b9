"""From a model's name or weights to a torch module, and back."""

from pathlib import Path

import numpy as np
import torch

from lightfuse.networks.paper import PaperModel
from lightfuse.weights import Weights, load_weights
from lightfuse.weights.shapes import PAPER_HIDDEN, parameter_shapes

Model = PaperModel


def build(model: str) -> Model:
    """An untrained module of a model by its name (``paper`` or ``paper-wide``).

    Raises:
        WeightsError: for an unknown model.
    """
    parameter_shapes(model)
    return PaperModel(PAPER_HIDDEN[model])


def load(model: str | Path) -> Model:
    """A trained module, in evaluation mode, by a shipped model's name or a weights file's path.

    Raises:
        WeightsError: see :func:`lightfuse.weights.load_weights`.
    """
    return from_weights(load_weights(model))


def from_weights(weights: Weights) -> Model:
    """The module that these weights belong to, in evaluation mode."""
    module = build(weights.model)
    module.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in weights.tensors.items()})
    return module.eval()


def to_weights(module: Model, model: str, notes: dict[str, str]) -> Weights:
    """A module's parameters as weights that can be saved."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    return Weights(model=model, tensors=tensors, notes=notes)
