"""The training loop: draw, fuse, compare, step; validate and keep the best; stop and resume anywhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from lightfuse.errors import DataError
from lightfuse.networks import build
from lightfuse.training.losses import reference_loss, ssim
from lightfuse.training.prepare import load_dataset
from lightfuse.training.run_folder import Checkpoint, RunFolder
from lightfuse.training.sampling import PatchSampler, WholePair, whole_pairs
from lightfuse.training.settings import TrainSettings


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    loss: float
    validation_psnr: float | None
    best_psnr: float


def train(
    data: Path,
    out: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> Path:
    """Train a model on a prepared data set; returns the path of the best weights.

    Raises:
        DataError: the data set cannot be used, ``out`` holds a run and ``resume`` is off, or the settings differ.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    dataset = load_dataset(data)
    sampler = PatchSampler(dataset, "train", settings)
    validation = whole_pairs(dataset, "valid")
    folder = RunFolder(out, settings, resume=resume)
    torch.manual_seed(settings.seed)
    model = build(settings.model)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    state = folder.restore(model, optimizer) if resume else Checkpoint(step=0, best_psnr=-math.inf)

    with folder.logs(state.step) as log:
        while state.step < settings.steps:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(state.step, settings)
            batch = sampler.batch(state.step)
            fused = (model.respond(batch.pair) + 1) / 2
            loss = reference_loss(fused, batch.reference, settings)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            state.step += 1

            if not math.isfinite(loss.item()):
                raise DataError(f"the loss became {loss.item()} at step {state.step}; lower learning_rate")
            measured = None
            if state.step % settings.validate_every == 0 or state.step == settings.steps:
                measured = validate(model, validation)
                # With no validation scenes the newest weights are the best known.
                if measured is None or measured.psnr > state.best_psnr:
                    state.best_psnr = measured.psnr if measured else math.nan
                    folder.keep_best(model, state)
                folder.save(model, optimizer, state)
            if measured or state.step % settings.log_every == 0:
                log.write(state.step, loss.item(), learning_rate(state.step, settings), measured)
                psnr = measured.psnr if measured else None
                report(Progress(state.step, settings.steps, loss.item(), psnr, state.best_psnr))
    return folder.best


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Linear growth over ``warmup`` steps, then a half cosine to zero at ``steps``."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass(frozen=True)
class Validation:
    """Means over the validation scenes' extreme pairs: PSNR in dB, SSIM."""

    psnr: float
    ssim: float


@torch.no_grad()
def validate(model: torch.nn.Module, pairs: list[WholePair]) -> Validation | None:
    """Fuse every pair whole, round to 8 bits and compare with its reference; None without pairs."""
    if not pairs:
        return None
    psnrs, ssims = [], []
    for pair in pairs:
        fused = (model(pair.under, pair.over).clamp(0, 1) * 255).round() / 255
        mse = (fused - pair.reference).square().mean().clamp_min(1e-10)
        psnrs.append(-10 * math.log10(mse.item()))
        ssims.append(ssim(fused, pair.reference).item())
    return Validation(sum(psnrs) / len(psnrs), sum(ssims) / len(ssims))
