"""The training loop: draw, fuse, compare, step; validate and keep the best; stop and resume anywhere."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lightfuse.errors import DataError, WeightsError
from lightfuse.models import Model, build, load
from lightfuse.training.averaging import AveragedModel
from lightfuse.training.curves import draw_curves
from lightfuse.training.prefetch import prefetched
from lightfuse.training.prepare import load_datasets
from lightfuse.training.run_folder import Checkpoint, RunFolder
from lightfuse.training.settings import TrainSettings
from lightfuse.training.task import task_for
from lightfuse.training.team import join_team
from lightfuse.training.validation import Validation


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for whoever shows it; ``best`` is the best validation score so far."""

    step: int
    steps: int
    loss: float
    validation: Validation | None
    best: float


def train(
    data: Path | Sequence[Path],
    out: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> Path:
    """Train a model on prepared data sets; returns the path of the best weights.

    Started by ``torchrun``, the processes share every step: each draws a batch of its own, the first one writes.

    Raises:
        DataError: a data set cannot be used, ``out`` holds a run and ``resume`` is off, the settings differ, or the
            weights to start from cannot be used.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    team = join_team()
    task = task_for(settings, load_datasets([data] if isinstance(data, Path) else data), team)
    torch.manual_seed(settings.seed)
    model = _starting_model(settings)
    averaged = AveragedModel(model, settings.average)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    folder = RunFolder(out, settings, resume=resume, writes=team.leads)
    state = folder.restore(model, averaged, optimizer) if resume else Checkpoint(step=0, best=-math.inf)

    with folder.logging(state.step):
        for step, batch in prefetched(task.batch, range(state.step, settings.steps)):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, settings)
            losses = task.losses(model, batch)
            loss = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            team.average_gradients(model)
            if settings.gradient_clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
            optimizer.step()
            averaged.update(model, step)
            state.step = step + 1

            if not math.isfinite(loss.item()):
                raise DataError(f"the loss became {loss.item()} at step {state.step}; lower learning_rate")
            if not team.leads:
                continue
            measured, validates = None, state.step % settings.validate_every == 0 or state.step == settings.steps
            if validates:
                measured = task.validate(averaged.model)
                # With no validation scenes the newest weights are the best known.
                if measured is None or measured.score > state.best:
                    state.best = measured.score if measured else -math.inf
                    folder.keep_best(averaged.model, state, measured)
                folder.keep_last(averaged.model, state, measured)
                folder.save(model, averaged, optimizer, state)
            if validates or state.step % settings.log_every == 0:
                folder.log(state.step, losses, learning_rate(state.step, settings), measured)
                if validates:
                    draw_curves(folder.path / "log.csv", folder.path / "curves.png")
                report(Progress(state.step, settings.steps, loss.item(), measured, state.best))
    return folder.best


def _starting_model(settings: TrainSettings) -> Model:
    """Weights to go on from, where the settings name some, else random ones."""
    if not settings.initial:
        return build(settings.config)
    try:
        model = load(settings.initial)
    except WeightsError as error:
        raise DataError(f"setting initial: {error}") from None
    if model.config != settings.config:
        raise DataError(f"setting initial: {settings.initial!r} is of another architecture than {settings.model!r}")
    return model.train()


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Linear growth over ``warmup`` steps, then a half cosine to the floor at ``steps``."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    height = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return settings.learning_rate_floor + (settings.learning_rate - settings.learning_rate_floor) * height
