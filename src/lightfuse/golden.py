"""Golden pictures: what every shipped model must make of a few synthetic pairs, wherever and however it runs."""

import hashlib
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale
from lightfuse.errors import LightFuseError
from lightfuse.models import Weights

GOLDEN_FILE = Path(__file__).with_name("golden.npz")

Picture = NDArray[Any]
Floats = NDArray[np.float32]
Fuse = Callable[[Picture, Picture], Picture]
"""What a target does: under and over, H×W×3, to a picture of the same shape, of their type or float32 in [0, 1]."""


@dataclass(frozen=True)
class GoldenCase:
    """One pair, H×W×3, uint8 or uint16, and the result each model must give.

    ``expected[model]`` is float32 in [0, 1], not rounded to levels, at every ``step``-th pixel of every ``step``-th
    row: shape ceil(H/step) × ceil(W/step) × 3. ``exact[model]``, of 8-bit cases and models that are fused in integers,
    is their result at the same pixels, uint8, the same to the bit on every machine.
    """

    name: str
    under: Picture
    over: Picture
    step: int
    expected: Mapping[str, Floats]
    exact: Mapping[str, Picture] = field(default_factory=dict)


@dataclass(frozen=True)
class GoldenSet:
    """All cases, and for each model the :func:`digest` of the weights its results were made with."""

    cases: tuple[GoldenCase, ...]
    weights: Mapping[str, str]


Tolerance = Mapping[str, float]
"""The largest difference allowed anywhere by the result's dtype, in its levels (float32: of a range of 1).

With an entry ``"exact"``, results have to be a case's exact ones where it has some.
"""

# 16-bit results may differ by what float results may (1e-4 of 65535 levels), and by rounding.
_FLOAT_ARITHMETIC: Tolerance = {"float32": 1e-4, "uint8": 1, "uint16": 7}

TOLERANCES: Mapping[str, Tolerance] = {
    **dict.fromkeys(("onnx", "litert", "ncnn"), _FLOAT_ARITHMETIC),
    **{target: {**_FLOAT_ARITHMETIC, "exact": 0} for target in ("core", "c", "wasm")},
    "torch": {"float32": 2e-6, "uint8": 1, "uint16": 1},  # float32 against the float64 of the expected results
}
"""The tolerance of each target by its name; a new target adds a row."""


@dataclass(frozen=True)
class Comparison:
    """One case on one target: the worst difference found and the largest allowed, in levels of the result's type."""

    case: str
    dtype: str
    worst: float
    allowed: float

    @property
    def of_tolerance(self) -> float:
        """The difference divided by the one allowed; where none is, a level counts as two."""
        return self.worst / self.allowed if self.allowed else 2 * self.worst

    @property
    def passed(self) -> bool:
        """Whether the result is within tolerance; one of the wrong shape, or with NaN in it, never is."""
        return self.worst <= self.allowed


def load_golden(path: Path = GOLDEN_FILE) -> GoldenSet:
    """The golden set that ships with LightFuse. Raises LightFuseError if its file is missing or damaged."""
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
            parts = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, BadZipFile, zlib.error) as error:
        raise LightFuseError(f"the golden pictures cannot be read ({error}); install LightFuse again") from None
    weights = {name.removeprefix("weights/"): str(parts[name]) for name in parts if name.startswith("weights/")}
    names = [name.removeprefix("step/") for name in parts if name.startswith("step/")]
    cases = tuple(
        GoldenCase(
            name=name,
            under=parts[f"under/{name}"],
            over=parts[f"over/{name}"],
            step=int(parts[f"step/{name}"]),
            expected={model: parts[f"expected/{model}/{name}"] for model in weights},
            exact={model: parts[f"exact/{model}/{name}"] for model in weights if f"exact/{model}/{name}" in parts},
        )
        for name in names
    )
    return GoldenSet(cases, weights)


def digest(weights: Weights) -> str:
    """An identifier of trained weights: SHA-256 over names, shapes and values of the tensors."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(weights.tensors.items()):
        hashed.update(f"{name} {tensor.shape} ".encode())
        hashed.update(np.ascontiguousarray(tensor, "<f4").tobytes())
    return hashed.hexdigest()


def check(target: str, model: str, fuse: Fuse, golden: GoldenSet, *, floats: bool = True) -> list[Comparison]:
    """Compare a target (of `TOLERANCES`), by the function that fuses two pictures on it, with a model's every case.

    It gets pictures of the case's own type and, where ``floats``, the same as float32.
    """
    compared = []
    for case in golden.cases:
        pair = (case.under, case.over)
        unit = [picture.astype(np.float32) / np.float32(full_scale(picture.dtype)) for picture in pair]
        compared += [compare(case, model, fuse(*p), TOLERANCES[target]) for p in ([pair, unit] if floats else [pair])]
    return compared


def compare(case: GoldenCase, model: str, fused: Picture, tolerance: Tolerance) -> Comparison:
    """Compare one result with what is expected: the exact result, or, of integers, the values rounded to levels.

    Raises KeyError where the golden set has no such model, or the tolerance no such dtype.
    """
    expected, allowed = case.expected[model], tolerance[fused.dtype.name]
    if fused.shape != case.under.shape:
        return Comparison(case.name, fused.dtype.name, math.inf, allowed)
    wanted = expected.astype(np.float64) * full_scale(fused.dtype)
    if fused.dtype.kind == "u":
        wanted = np.round(wanted)
    if "exact" in tolerance and fused.dtype == np.uint8 and model in case.exact:
        wanted, allowed = case.exact[model].astype(np.float64), tolerance["exact"]
    worst = np.abs(fused[:: case.step, :: case.step].astype(np.float64) - wanted).max()
    return Comparison(case.name, fused.dtype.name, float(worst), allowed)
