"""A target held to the golden set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.golden.store import GoldenCase, GoldenSet
from lightfuse.golden.tolerance import TOLERANCES, Tolerance, as_unit, levels

Picture = NDArray[Any]
Fuse = Callable[[Picture, Picture], Picture]
"""What a target does: under and over, H×W×3, to a picture of the same shape, of their type or float32 in [0, 1]."""


@dataclass(frozen=True)
class Comparison:
    """One case on one target: the worst difference found and the largest allowed, in levels of the result's type."""

    case: str
    dtype: str
    worst: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the result is near enough; one of the wrong shape, or with NaN in it, never is."""
        return self.worst <= self.allowed


def check(target: str, model: str, fuse: Fuse, golden: GoldenSet, *, floats: bool = True) -> list[Comparison]:
    """Hold a target to every case: with pictures of the case's own type and, where ``floats``, as float32 too.

    Args:
        target: a row of :data:`~lightfuse.golden.TOLERANCES`.
        model: whose results are expected.
        fuse: the target's way from two pictures to one.
        golden: see :func:`~lightfuse.golden.load_golden`.
        floats: whether the target takes float32 pictures.
    """
    compared = []
    for case in golden.cases:
        compared.append(compare(case, model, fuse(case.under, case.over), TOLERANCES[target]))
        if floats:
            fused = fuse(as_unit(case.under), as_unit(case.over))
            compared.append(compare(case, model, fused, TOLERANCES[target]))
    return compared


def compare(case: GoldenCase, model: str, fused: Picture, tolerance: Tolerance) -> Comparison:
    """Compare one result with what is expected; integers with the expected values rounded to levels.

    Raises:
        KeyError: the golden set knows no such model, or ``fused`` is not uint8, uint16 or float32.
    """
    expected, allowed = case.expected[model], tolerance.of(fused.dtype)
    if fused.shape != case.under.shape:
        return Comparison(case.name, fused.dtype.name, float("inf"), allowed)
    top = levels(fused.dtype)
    wanted = expected.astype(np.float64) * top
    if fused.dtype.kind == "u":
        wanted = np.round(wanted)
    worst = np.abs(fused[:: case.step, :: case.step].astype(np.float64) - wanted).max()
    return Comparison(case.name, fused.dtype.name, float(worst), allowed)
