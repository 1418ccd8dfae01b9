"""Reading the paper's authors' Keras weights (HDF5) into LightFuse's own."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import WeightsError, missing_extra
from lightfuse.models.config import KNOWN_MODELS, PaperConfig
from lightfuse.models.store import Weights

# LightFuse's name: the authors' name. Keras keeps kernels as height, width, in, out (depthwise: height, width, in, 1).
_POINTWISE = {f"combining.layers.{i}": (f"custconv2d/w{i + 1}:0", f"custconv2d/b{i + 1}:0") for i in range(3)}
_DEPTHWISE = {"filtering.down1": "depthwise_conv2d", "filtering.down2": "depthwise_conv2d_1"}
_SEPARABLE = "separable_conv2d/separable_conv2d"


def read_keras(path: Path) -> Weights:
    """Read the authors' ``.h5`` file as weights of ``paper`` or ``paper-wide``, depending on its layer sizes.

    Raises WeightsError where it is missing, is not HDF5, or does not hold the paper's network, and MissingExtraError
    without h5py.
    """
    with missing_extra("reading Keras weights", "keras", "h5py"):
        import h5py
    if not path.is_file():
        raise WeightsError(f"{str(path)!r} is not a file; give the authors' .h5 weights")
    try:
        with h5py.File(path, "r") as file:
            tensors = _translate(file)
    except OSError:
        raise WeightsError(f"{str(path)!r} is not a readable HDF5 file; give the authors' .h5 weights") from None
    except (KeyError, ValueError, TypeError) as error:  # A tensor is missing or of another shape.
        reason = " ".join(str(error.args[0]).split())
        raise WeightsError(f"{str(path)!r} is not of the paper's network: {reason}") from None
    hidden = (tensors["combining.layers.0.bias"].size, tensors["combining.layers.1.bias"].size)
    model = next((name for name, config in KNOWN_MODELS.items() if config == PaperConfig(hidden)), None)
    if model is None:
        raise WeightsError(f"{str(path)!r} has hidden layers {hidden}; the paper's networks have 32, 32 or 256, 64")
    try:
        return Weights(model, tensors, notes={"origin": f"imported from Keras file {path.name}"})
    except WeightsError as error:
        raise WeightsError(f"{str(path)!r} cannot be used: {error}") from None


def _translate(file: Any) -> dict[str, NDArray[np.float32]]:
    def read(name: str) -> NDArray[np.float32]:
        return np.asarray(file[name], dtype=np.float32)

    tensors = {}
    for ours, (weight, bias) in _POINTWISE.items():
        tensors[f"{ours}.weight"] = read(weight).transpose(3, 2, 0, 1)
        tensors[f"{ours}.bias"] = read(bias)
    for ours, theirs in _DEPTHWISE.items():
        tensors[f"{ours}.weight"] = read(f"{theirs}/{theirs}/depthwise_kernel:0").transpose(2, 3, 0, 1)
        tensors[f"{ours}.bias"] = read(f"{theirs}/{theirs}/bias:0")
    tensors["filtering.down3.weight"] = read(f"{_SEPARABLE}/depthwise_kernel:0").transpose(2, 3, 0, 1)
    tensors["filtering.mix.weight"] = read(f"{_SEPARABLE}/pointwise_kernel:0").transpose(3, 2, 0, 1)
    tensors["filtering.mix.bias"] = read(f"{_SEPARABLE}/bias:0")
    return tensors
