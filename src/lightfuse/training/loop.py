"""The training loop: sample, fuse, compute losses, step; validate and keep the best weights; resume at any step."""

import copy
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from lightfuse.errors import DataError, WeightsError
from lightfuse.models import PaperConfig
from lightfuse.models.networks import Model, build, load
from lightfuse.system import thread_count
from lightfuse.training.context import ContextObjective
from lightfuse.training.objective import Objective, Validation, join_process_group, measure, validation_pairs
from lightfuse.training.paper import PaperObjective
from lightfuse.training.prepare import load_datasets
from lightfuse.training.run_folder import Checkpoint, RunFolder
from lightfuse.training.settings import TrainSettings

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Progress:
    """The progress of a run; ``validation`` is empty between validations, ``best`` the best score so far."""

    step: int
    steps: int
    loss: float
    validation: Validation
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

    Started by ``torchrun``, the processes train in parallel: each has its own part of a batch, the first one writes.
    Raises DataError where a data set or the weights to start from cannot be used, ``out`` holds a run and ``resume`` is
    off, or its settings differ; LightFuseError for more than 1024 threads.
    """
    if settings.threads:
        torch.set_num_threads(thread_count(settings.threads))
    group = join_process_group()
    dataset = load_datasets([data] if isinstance(data, Path) else data)
    kind = PaperObjective if isinstance(settings.config, PaperConfig) else ContextObjective
    objective: Objective = kind(settings, dataset, group)
    pairs = validation_pairs(dataset, settings.validate_long_side) if group.rank == 0 else []
    torch.manual_seed(settings.seed % 2**64)
    model = _starting_model(settings)
    averaged = AveragedModel(model, settings.average)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    folder = RunFolder(out, settings, resume=resume, writes=group.rank == 0)
    state = folder.restore(model, averaged.model, optimizer) if resume else Checkpoint(step=0, best=-math.inf)

    with folder.logging(state.step) as log:
        for step, batch in prefetched(objective.batch, range(state.step, settings.steps)):
            for parameters in optimizer.param_groups:
                parameters["lr"] = learning_rate(step, settings)
            losses = objective.losses(model, batch)
            loss = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            group.average_gradients(model)
            if settings.gradient_clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
            optimizer.step()
            averaged.update(model, step)
            state.step = step + 1

            if not math.isfinite(loss.item()):
                raise DataError(f"the loss became {loss.item()} at step {state.step}; lower learning_rate")
            if group.rank != 0:
                continue
            validates = state.step % settings.validate_every == 0 or state.step == settings.steps
            measured = measure(averaged.model, pairs) if validates else {}
            if validates:
                # With no validation scenes the newest weights are the best known.
                if is_best := not measured or measured["score"] > state.best:
                    state.best = measured.get("score", -math.inf)
                folder.keep(averaged.model, state, measured, best=is_best)
            if validates or state.step % settings.log_every == 0:
                log(state.step, losses, learning_rate(state.step, settings), measured)
                if validates:
                    folder.save(model, averaged.model, optimizer, state)
                report(Progress(state.step, settings.steps, loss.item(), measured, state.best))
    return folder.best


def _starting_model(settings: TrainSettings) -> Model:
    """The weights to start from that the settings name, else random ones."""
    if not settings.initial:
        return build(settings.config)
    try:
        model = load(settings.initial)
    except WeightsError as error:
        raise DataError(f"setting initial: {error}") from None
    if model.config != settings.config:
        raise DataError(f"setting initial: {settings.initial!r} has another architecture than {settings.model!r}")
    return model.train()


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Linear growth over ``warmup`` steps, then a half cosine to the floor at ``steps``."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    height = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return settings.learning_rate_floor + (settings.learning_rate - settings.learning_rate_floor) * height


class AveragedModel:
    """An exponential moving average of a model's parameters; ``decay`` 0 makes it the model itself."""

    def __init__(self, model: Model, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, model: Model, step: int) -> None:
        """Include the parameters after ``step`` steps; early on the average forgets faster."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for mean, newest in zip(self.model.parameters(), model.parameters(), strict=True):
            mean.lerp_(newest, 1 - decay)


def prefetched(draw: Callable[[int], Batch], steps: range) -> Iterator[tuple[int, Batch]]:
    """Yield each step and its batch, which a thread prepares one step ahead; in order, the same as `draw` returns."""
    with ThreadPoolExecutor(1, "draw") as thread:
        ahead = deque(thread.submit(draw, step) for step in steps[:1])
        for done, step in enumerate(steps, start=1):
            batch = ahead.popleft().result()
            ahead.extend(thread.submit(draw, following) for following in steps[done : done + 1])
            yield step, batch
