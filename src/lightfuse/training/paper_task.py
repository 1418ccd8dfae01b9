"""Training the paper's network: patches with a reference, normalised as the model normalises."""

import math

import torch
from torch import Tensor

from lightfuse.models import PaperModel
from lightfuse.training.losses import ReferenceLosses, ssim
from lightfuse.training.prepare import Dataset
from lightfuse.training.sampling import Batch, PatchSampler, WholePair, whole_pairs
from lightfuse.training.settings import TrainSettings
from lightfuse.training.team import Team
from lightfuse.training.validation import Validation, mean


class PaperTask:
    """Draws patches, compares with the reference, validates on whole pairs; the score is the PSNR."""

    def __init__(self, settings: TrainSettings, dataset: Dataset, team: Team) -> None:
        self._against = ReferenceLosses(settings)
        self._sampler = PatchSampler(dataset, "train", settings, team)
        self._validation = whole_pairs(dataset, "valid")

    def batch(self, step: int) -> Batch:
        """The patches of one step."""
        return self._sampler.batch(step)

    def losses(self, model: PaperModel, batch: Batch) -> dict[str, Tensor]:
        """How far the patches are from their reference."""
        fused = (model.respond(batch.pair) + 1) / 2
        losses = self._against(fused, batch.reference)
        return {name: loss.mean() for name, loss in losses.items()}

    @torch.no_grad()
    def validate(self, model: PaperModel) -> Validation | None:
        """Means over the validation scenes' extreme pairs, after rounding to 8 bits."""
        if not self._validation:
            return None
        measured = [_measure(model, pair) for pair in self._validation]
        psnr = mean(psnr for psnr, _ in measured)
        return Validation(psnr, mean(ssim for _, ssim in measured), None, score=psnr or 0.0)


def _measure(model: PaperModel, pair: WholePair) -> tuple[float, float]:
    fused = (model(pair.under, pair.over).clamp(0, 1) * 255).round() / 255
    mse = (fused - pair.reference).square().mean().clamp_min(1e-10)
    return -10 * math.log10(mse.item()), ssim(fused, pair.reference).item()
