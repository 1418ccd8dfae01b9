"""The golden set made anew by the reference: the torch models in float64 (extra: train)."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from lightfuse.golden.store import Floats, GoldenCase, GoldenSet, digest
from lightfuse.golden.tolerance import levels
from lightfuse.models import load_weights, shipped_models
from lightfuse.models.networks import Model, from_weights
from tools.synthetic import sample_pair


@dataclass(frozen=True)
class _Recipe:
    name: str
    width: int
    height: int
    bits: Literal[8, 16] = 8
    noise: bool = True
    step: int = 1


# Small enough to ship; "large" has more pixels than the thumbnail, so that its cells are of several pixels each.
_RECIPES = (
    _Recipe("small", 32, 24),
    _Recipe("odd", 37, 23),
    _Recipe("tall", 5, 67),
    _Recipe("pixel", 1, 1),
    _Recipe("sixteen", 33, 22, bits=16),
    _Recipe("large", 221, 131, noise=False, step=6),
)


def make_golden() -> GoldenSet:
    """Photograph the made-up pairs and fuse them with every shipped model.

    Raises:
        WeightsError: a shipped weights file cannot be read.
    """
    weights = {name: load_weights(name) for name in shipped_models()}
    modules = {name: from_weights(read).double() for name, read in weights.items()}
    return GoldenSet(
        cases=tuple(_case(recipe, modules) for recipe in _RECIPES),
        weights={name: digest(read) for name, read in weights.items()},
    )


def fused_by_torch(module: Model, under: NDArray[Any], over: NDArray[Any]) -> Floats:
    """The reference's result, H×W×3, float32 in [0, 1], of pictures of any type, computed in the module's precision."""
    dtype = next(module.parameters()).dtype
    planes = [
        torch.from_numpy(picture.astype(np.float64) / levels(picture.dtype)).to(dtype).permute(2, 0, 1)[None]
        for picture in (under, over)
    ]
    with torch.no_grad():
        fused: Floats = module(*planes)[0].permute(1, 2, 0).float().numpy()
    return fused


def _case(recipe: _Recipe, modules: dict[str, Model]) -> GoldenCase:
    under, over = sample_pair(recipe.width, recipe.height, bits=recipe.bits, noise=recipe.noise)
    expected = {
        name: np.ascontiguousarray(fused_by_torch(module, under, over)[:: recipe.step, :: recipe.step])
        for name, module in modules.items()
    }
    return GoldenCase(recipe.name, under, over, recipe.step, expected)
