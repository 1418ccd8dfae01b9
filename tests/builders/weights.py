"""Weights that no training made."""

import numpy as np

from lightfuse.models import Weights
from lightfuse.models.config import parameter_shapes


def make_weights(model="paper", seed=0):
    """Random weights of a model, of a size that keeps pictures off black and white."""
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in parameter_shapes(model).items():
        spread = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        tensors[name] = random.normal(0, spread, shape).astype(np.float32)
    return Weights(model, tensors, {"origin": "random"})


def framed(picture, border, level=0):
    """The picture with its outermost pixels at one level, as a scan's border or a letterbox has them."""
    made = np.full_like(picture, level)
    made[border:-border, border:-border] = picture[border:-border, border:-border]
    return made
