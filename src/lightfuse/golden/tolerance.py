"""How near to the golden results each target must come: adding a target means adding a row."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tolerance:
    """The largest difference allowed anywhere, in levels of the result's type (float32: of a range of 1)."""

    float32: float
    uint8: int
    uint16: int

    def of(self, dtype: np.dtype[np.generic]) -> float:
        """The allowance for results of one type. Raises KeyError for a type that is none of the three."""
        allowed: Mapping[str, float] = {"float32": self.float32, "uint8": self.uint8, "uint16": self.uint16}
        return allowed[dtype.name]


# 16-bit results may differ by what float results may (1e-4 of 65535 levels), and by rounding.
_FLOAT_ARITHMETIC = Tolerance(float32=1e-4, uint8=1, uint16=7)

TOLERANCES: Mapping[str, Tolerance] = MappingProxyType(
    {
        "torch": Tolerance(float32=2e-6, uint8=1, uint16=1),  # float32 against the float64 the results were made with
        "core": _FLOAT_ARITHMETIC,
        "c": _FLOAT_ARITHMETIC,
        "c-int8": Tolerance(float32=math.nan, uint8=3, uint16=3 * 257),  # weights of 8 bits; floats it does not take
        "onnx": _FLOAT_ARITHMETIC,
        "litert": _FLOAT_ARITHMETIC,
        "ncnn": _FLOAT_ARITHMETIC,
        "wasm": _FLOAT_ARITHMETIC,  # of 8 bits only, as browsers have them
    }
)
"""The tolerance of each target, by its name."""


def levels(dtype: np.dtype[np.generic]) -> float:
    """What stands for 1 in pictures of a type: 255, 65535, or 1.0 for floats."""
    return float(np.iinfo(dtype.name).max) if dtype.kind == "u" else 1.0


def as_unit(picture: NDArray[np.generic]) -> NDArray[np.float32]:
    """A picture of any type as float32 in [0, 1]."""
    return picture.astype(np.float32) / np.float32(levels(picture.dtype))
