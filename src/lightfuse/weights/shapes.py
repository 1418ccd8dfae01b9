"""What tensors each model has: the one place that ties a model's name to its sizes, without torch."""

import itertools
from collections.abc import Mapping

from lightfuse.errors import WeightsError

Shape = tuple[int, ...]

PAPER_HIDDEN: Mapping[str, tuple[int, int]] = {"paper": (32, 32), "paper-wide": (256, 64)}


def parameter_shapes(model: str) -> dict[str, Shape]:
    """Tensor names, as in torch's state dict, and their shapes.

    Raises:
        WeightsError: for an unknown model.
    """
    if model in PAPER_HIDDEN:
        return _paper_shapes(PAPER_HIDDEN[model])
    raise WeightsError(f"unknown model {model!r}; known are {', '.join(PAPER_HIDDEN)}")


def _paper_shapes(hidden: tuple[int, int]) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    channels = (6, *hidden, 3)
    for i, (n_in, n_out) in enumerate(itertools.pairwise(channels)):
        shapes[f"combining.layers.{i}.weight"] = (n_out, n_in, 1, 1)
        shapes[f"combining.layers.{i}.bias"] = (n_out,)
    for layer in ("down1", "down2", "down3"):
        shapes[f"filtering.{layer}.weight"] = (6, 1, 3, 3)
        if layer != "down3":
            shapes[f"filtering.{layer}.bias"] = (6,)
    shapes["filtering.mix.weight"] = (3, 6, 1, 1)
    shapes["filtering.mix.bias"] = (3,)
    return shapes
