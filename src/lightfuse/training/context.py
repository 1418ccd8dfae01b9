"""Training a context model: every step has scenes with a reference and brackets without one."""

import torch
from torch import Tensor

from lightfuse.errors import DataError
from lightfuse.metrics.mef_ssim import SMALLEST_SIDE
from lightfuse.models import ContextConfig
from lightfuse.models.context import compose, luma_of
from lightfuse.models.networks import ContextModel
from lightfuse.training.losses import (
    better_exposed,
    chroma_loss,
    excess_chroma_loss,
    highlight_loss,
    highlights,
    hue_loss,
    mef_ssim_loss,
    reference_losses,
    saturation_loss,
    unknown,
    with_highlight_colours,
    with_highlights,
)
from lightfuse.training.objective import ProcessGroup
from lightfuse.training.prepare import Dataset
from lightfuse.training.sampling import ContextSampler, Sample
from lightfuse.training.settings import TrainSettings

_SSIM_STRIDE = 2
_MOST_CHROMA = 1.2  # of the better exposed input's mean chroma


class ContextObjective:
    """Samples with and without reference, and the losses of each kind."""

    def __init__(self, settings: TrainSettings, dataset: Dataset, group: ProcessGroup) -> None:
        if not isinstance(settings.config, ContextConfig):
            raise DataError(f"{settings.model!r} is not a context model")
        if settings.patch < SMALLEST_SIDE:
            raise DataError(f"setting patch must be at least {SMALLEST_SIDE} for a context model, as MEF-SSIM needs")
        self._settings = settings
        self._samplers = [ContextSampler(dataset, settings, group, labelled=labelled) for labelled in (True, False)]
        if not any(len(sampler) for sampler in self._samplers):
            raise _nothing_to_train_on(dataset, settings)

    def batch(self, step: int) -> Sample:
        """Return the samples of one step, stacked, the labelled ones first."""
        samples = [sample for sampler in self._samplers for sample in sampler.samples(step)]
        return Sample(*map(torch.stack, zip(*samples, strict=True)))

    def losses(self, model: ContextModel, batch: Sample) -> dict[str, Tensor]:
        """Compute the losses of each kind of sample, and the penalty for luma out of range."""
        fused, excess = fuse_batch(model, batch)
        n = int(batch.labelled.sum())
        losses = {"out_of_range": self._settings.out_of_range * excess.mean()}
        if n:
            under, over, reference = batch.crop[:n, :9].chunk(3, dim=1)
            parts = reference_losses(self._settings, fused[:n], reference, _SSIM_STRIDE)
            if self._settings.mef_ssim_labelled:
                parts["mef_ssim"] = self._settings.mef_ssim_labelled * self._detail(under, over, fused[:n])
            losses |= {f"labelled_{name}": part.mean() for name, part in parts.items()}
        if n < len(fused):
            parts = self._unlabelled_losses(batch.crop[n:], fused[n:], batch.thumbnail[n:])
            losses |= {f"unlabelled_{name}": part.mean() for name, part in parts.items()}
        return losses

    def _unlabelled_losses(self, crops: Tensor, fused: Tensor, thumbnails: Tensor) -> dict[str, Tensor]:
        settings = self._settings
        under, over, reference, colours = crops.chunk(4, dim=1)
        losses = {}
        if settings.highlights:
            held = highlights(under, over, thumbnails)
            losses["highlights"] = settings.highlights * highlight_loss(fused, *held)
            reference = with_highlights(reference, *held)
        if settings.mef_ssim:
            losses["mef_ssim"] = settings.mef_ssim * self._detail(under, over, fused)
        if settings.hue:
            losses["hue"] = settings.hue * hue_loss(fused, colours)
        wanted = better_exposed(under, over)
        if settings.highlight_colour:
            luma = luma_of(fused).detach()
            coloured = with_highlight_colours(fused.detach(), luma, over, colours)
            losses["highlight_colour"] = settings.highlight_colour * chroma_loss(fused, coloured)
            wanted = with_highlight_colours(wanted, luma, over, colours)
            reference = with_highlight_colours(reference, luma_of(reference), over, colours)
        if settings.saturation:
            losses["saturation"] = settings.saturation * saturation_loss(fused, wanted)
            losses["excess_chroma"] = settings.saturation / 2 * excess_chroma_loss(fused, wanted, _MOST_CHROMA)
        if settings.soft:
            against = reference_losses(settings, fused, reference, _SSIM_STRIDE)
            losses |= {name: settings.soft * part for name, part in against.items()}
        return losses

    def _detail(self, under: Tensor, over: Tensor, fused: Tensor) -> Tensor:
        loss = mef_ssim_loss(under, over, fused)
        if self._settings.mef_ssim_unknown:
            loss = loss * (1 - self._settings.mef_ssim_unknown * unknown(under, over))
        return loss


def fuse_batch(model: ContextModel, batch: Sample) -> tuple[Tensor, Tensor]:
    """Fuse the crops with the context of their thumbnails; returns them and by how much luma was limited."""
    grid, strength = model.context(batch.thumbnail, batch.window)
    context = batch.rows[:, None] @ grid @ batch.columns[:, None].transpose(2, 3)
    under, over = batch.crop[:, :3], batch.crop[:, 3:6]
    answer = model.combining.answer(under, over, context)
    fused, excess = compose(under, over, answer, strength)
    return fused.clamp(0, 1), excess


def _nothing_to_train_on(dataset: Dataset, settings: TrainSettings) -> DataError:
    folder, scenes = repr(str(dataset.folder)), dataset.split("train")
    if not scenes:
        return DataError(f"all scenes in {folder} are for validation; prepare them with a smaller --validation")
    if not settings.batch_unlabelled and not any(scene.has_reference for scene in scenes):
        return DataError(f"no training scene in {folder} has a reference picture; set batch_unlabelled above 0")
    return DataError(
        f"no training scene in {folder} is large enough for a patch of {settings.patch} pixels; "
        "prepare larger pictures, or set a smaller patch"
    )
