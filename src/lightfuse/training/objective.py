"""What the training loop needs of a family of models: batches, losses, and a validation score."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

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
    """Return a validation with the score PSNR + 50·SSIM + 200·MEF-SSIM, of what was measured.

    1 dB thus counts as much as 0.02 of SSIM and 0.005 of MEF-SSIM, about the steps between one method and the next.
    """
    parts = (1, psnr), (50, ssim), (200, mef_ssim)
    return Validation(psnr, ssim, mef_ssim, sum(weight * part for weight, part in parts if part is not None))


def mean(values: Iterable[float]) -> float | None:
    """Return the mean, or None where there are no values."""
    values = list(values)
    return math.fsum(values) / len(values) if values else None


class Objective(Protocol):
    """How one family of models is trained; the type of its batches is its own."""

    def batch(self, step: int) -> Any:
        """Draw the batch of a step, which depends on the seed and the step's number alone."""

    def losses(self, model: Any, batch: Any) -> dict[str, Tensor]:
        """Compute the parts of the loss, weighted, by name; training minimises their sum."""

    def validate(self, model: Any) -> Validation | None:
        """Fuse the validation scenes whole and measure; None where there is no such scene."""
