"""How good a model is on scenes it does not train on, in one number and its parts."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

MEASURES = ("psnr", "ssim", "mef_ssim", "score")


@dataclass(frozen=True)
class Validation:
    """Means over validation scenes: PSNR (dB) and SSIM where there is a reference, MEF-SSIM where there is none.

    What was not measured is None. ``score``, the larger the better, chooses the best weights.
    """

    psnr: float | None
    ssim: float | None
    mef_ssim: float | None
    score: float


def combined(psnr: float | None, ssim: float | None, mef_ssim: float | None) -> Validation:
    """A validation whose score is PSNR + 50·SSIM + 200·MEF-SSIM, of what was measured.

    1 dB thus counts as much as 0.02 of SSIM and 0.005 of MEF-SSIM, about the steps between one method and the next.
    """
    parts = (1, psnr), (50, ssim), (200, mef_ssim)
    return Validation(psnr, ssim, mef_ssim, sum(weight * part for weight, part in parts if part is not None))


def mean(values: Iterable[float]) -> float | None:
    """The mean, or None of nothing."""
    values = list(values)
    return math.fsum(values) / len(values) if values else None
