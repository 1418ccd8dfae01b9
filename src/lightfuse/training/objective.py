"""What the training loop needs of a family of models: batches, losses, and a validation score."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightfuse.metrics.mef_ssim import SMALLEST_SIDE, mef_ssim
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, ssim
from lightfuse.models.networks import Model
from lightfuse.sheets import shrink
from lightfuse.training.prepare import Dataset, Scene, open_scene

Pixels = NDArray[np.uint8]

MEASURES = ("psnr", "ssim", "mef_ssim", "score")


@dataclass(frozen=True)
class Validation:
    """Means over validation scenes: PSNR (dB) and SSIM where there is a reference, MEF-SSIM where there is none.

    What was not measured is None. ``weights`` are those of the three in the score: by default, 1 dB counts as much as
    0.02 of SSIM and 0.005 of MEF-SSIM, about the steps between one method and the next.
    """

    psnr: float | None
    ssim: float | None
    mef_ssim: float | None
    weights: tuple[float, float, float] = field(default=(1, 50, 200), kw_only=True)

    @property
    def score(self) -> float:
        """What chooses the best weights, the larger the better: the weighted sum of what was measured."""
        parts = zip(self.weights, (self.psnr, self.ssim, self.mef_ssim), strict=True)
        return sum(weight * mean for weight, mean in parts if mean is not None)


class WholePair:
    """A scene's extreme pair and its given reference, uint8 H×W×3, shrunk to a long side in pixels (0: not at all)."""

    def __init__(self, dataset: Dataset, scene: Scene, long_side: int = 0) -> None:
        stored = open_scene(dataset, scene)

        def picture(index: int) -> Pixels:
            pixels = np.array(stored[index])
            return shrink(pixels, long_side, long_side) if long_side else pixels

        self.under, self.over = (picture(index) for index in scene.extreme_pair)
        self.reference = picture(-1) if scene.has_reference else None


@torch.no_grad()
def measure(model: Model, pairs: Sequence[WholePair]) -> Validation | None:
    """Fuse pairs and measure the results, rounded to 8 bits; None where there is no pair.

    MEF-SSIM is that of the pairs without a reference, those too small for it left out.
    """
    if not pairs:
        return None
    scores: dict[str, list[float]] = {"psnr": [], "ssim": [], "mef_ssim": []}
    for pair in pairs:
        planes = [torch.from_numpy(p.transpose(2, 0, 1).copy())[None].float() / 255 for p in (pair.under, pair.over)]
        fused = to_eight_bits(model(*planes)[0].permute(1, 2, 0).numpy())
        if pair.reference is not None:
            scores["psnr"].append(psnr(fused, pair.reference))
            scores["ssim"].append(ssim(fused, pair.reference))
        elif min(fused.shape[:2]) >= SMALLEST_SIDE:
            scores["mef_ssim"].append(mef_ssim(fused, [pair.under, pair.over]))
    return Validation(*(math.fsum(values) / len(values) if values else None for values in scores.values()))


class Objective(Protocol):
    """How one family of models is trained; the type of its batches is its own."""

    def batch(self, step: int) -> Any:
        """Draw the batch of a step, which depends on the seed and the step's number alone."""

    def losses(self, model: Any, batch: Any) -> dict[str, Tensor]:
        """Compute the parts of the loss, weighted, by name; training minimises their sum."""

    def validate(self, model: Any) -> Validation | None:
        """Fuse the validation scenes whole and measure; None where there is no such scene."""


# ---- Data-parallel training ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProcessGroup:
    """This process's rank in the group that trains one model together, and the group's size."""

    rank: int = 0
    size: int = 1

    @property
    def is_main_process(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def rank_slice(self, batch: int) -> range:
        """The indices of this process's samples among those of a step, ``batch`` being each process's count."""
        return range(self.rank * batch, (self.rank + 1) * batch)

    def average_gradients(self, module: nn.Module) -> None:
        """Replace the gradients by their mean over the group."""
        if self.size == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        total = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(total)
        parts = torch.split(total / self.size, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


SINGLE_PROCESS = ProcessGroup()


def join_process_group() -> ProcessGroup:
    """Join the other processes that ``torchrun`` started; without it, a group of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return SINGLE_PROCESS
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    return ProcessGroup(torch.distributed.get_rank(), size)
