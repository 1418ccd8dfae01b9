"""What training of both families shares: an objective's form, validation on whole pairs, groups of processes."""

import math
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lightfuse.metrics.mef_ssim import SMALLEST_SIDE, mef_ssim
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, ssim
from lightfuse.models.networks import Model
from lightfuse.sheets import shrink
from lightfuse.training.prepare import Dataset, open_scene

Pixels = NDArray[np.uint8]
Validation = dict[str, float]
"""Means over the validation scenes, of what was measured: ``psnr`` (dB) and ``ssim`` where there is a reference,
``mef_ssim`` where there is none; and the ``score`` that chooses the best weights, the larger the better."""

# 1 dB counts as much as 0.02 of SSIM and 0.005 of MEF-SSIM, about the steps between one method and the next.
_IN_SCORE = {"psnr": 1, "ssim": 50, "mef_ssim": 200}
MEASURES = (*_IN_SCORE, "score")


class Objective(Protocol):
    """How one family of models is trained; the type of its batches is its own."""

    def batch(self, step: int) -> Any:
        """Draw the batch of a step, which depends on the seed and the step's number alone."""

    def losses(self, model: Any, batch: Any) -> dict[str, Tensor]:
        """Compute the parts of the loss, weighted, by name; training minimises their sum."""


class WholePair(NamedTuple):
    """A scene's extreme pair and its given reference, uint8 H×W×3."""

    under: Pixels
    over: Pixels
    reference: Pixels | None


def validation_pairs(dataset: Dataset, long_side: int) -> list[WholePair]:
    """Read the pairs to validate on, shrunk to a long side in pixels (0: not at all)."""
    pairs = []
    for scene in dataset.split("valid"):
        stored, side = open_scene(dataset, scene), long_side or max(scene.height, scene.width)
        under, over, last = (shrink(np.array(stored[i]), side, side) for i in (*scene.extreme_pair, -1))
        pairs.append(WholePair(under, over, last if scene.has_reference else None))
    return pairs


@torch.no_grad()
def measure(model: Model, pairs: Sequence[WholePair]) -> Validation:
    """Fuse pairs and measure the results, rounded to 8 bits; empty where there is nothing to measure.

    MEF-SSIM is that of the pairs without a reference, those too small for it left out.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    for under, over, reference in pairs:
        planes = [torch.from_numpy(p.transpose(2, 0, 1).copy())[None].float() / 255 for p in (under, over)]
        fused = to_eight_bits(model(*planes)[0].permute(1, 2, 0).numpy())
        if reference is not None:
            scores["psnr"].append(psnr(fused, reference))
            scores["ssim"].append(ssim(fused, reference))
        elif min(fused.shape[:2]) >= SMALLEST_SIDE:
            scores["mef_ssim"].append(mef_ssim(fused, [under, over]))
    means = {name: math.fsum(values) / len(values) for name, values in scores.items()}
    return means and {**means, "score": sum(_IN_SCORE[name] * mean for name, mean in means.items())}


# ---- Data-parallel training ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProcessGroup:
    """This process's rank in the group that trains one model together, and the group's size.

    The process of rank 0 validates, writes and reports.
    """

    rank: int = 0
    size: int = 1

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


def join_process_group() -> ProcessGroup:
    """Join the other processes that ``torchrun`` started; without it, a group of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ProcessGroup()
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    return ProcessGroup(torch.distributed.get_rank(), size)
