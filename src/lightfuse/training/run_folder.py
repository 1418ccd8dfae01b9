"""What a training run leaves on disk: settings, checkpoint, best weights, CSV and TensorBoard logs."""

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from lightfuse.errors import DataError
from lightfuse.models import Model, save_weights, to_weights
from lightfuse.training.averaging import AveragedModel
from lightfuse.training.settings import TrainSettings, read_settings
from lightfuse.training.validation import MEASURES, Validation

_COLUMNS = ("step", "loss", "learning_rate", *(f"validation_{measure}" for measure in MEASURES))


@dataclass
class Checkpoint:
    """Where a run stands: steps done and the best validation score so far."""

    step: int
    best: float


class RunFolder:
    """The folder of one run; refuses to mix two runs. Of several processes only one ``writes``."""

    def __init__(self, path: Path, settings: TrainSettings, *, resume: bool, writes: bool = True) -> None:
        self.path = path
        self._settings = settings
        self._writes = writes
        self._logs: Logs | None = None
        if not writes:
            return
        if resume:
            self._check_same_settings()
        elif self._checkpoint.exists():
            raise DataError(f"{str(path)!r} already holds a run; go on with --resume or give another folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / "settings.json").write_text(settings.to_json(), encoding="utf-8")
        except OSError as error:
            raise DataError(f"cannot write the run folder {str(path)!r}: {error.strerror}") from None

    @property
    def best(self) -> Path:
        """The best weights so far."""
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        """The weights of the newest validation."""
        return self.path / "last.safetensors"

    @property
    def _checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    def restore(self, model: Model, averaged: AveragedModel, optimizer: torch.optim.Optimizer) -> Checkpoint:
        """Load the newest checkpoint into model, running average and optimizer."""
        try:
            saved: dict[str, Any] = torch.load(self._checkpoint, weights_only=True)
            model.load_state_dict(saved["model"])
            averaged.model.load_state_dict(saved["averaged"])
            optimizer.load_state_dict(saved["optimizer"])
            return Checkpoint(saved["step"], saved["best"])
        except OSError:
            raise DataError(f"{str(self.path)!r} has no checkpoint to resume; start it without --resume") from None
        except (RuntimeError, KeyError, EOFError, ValueError) as error:
            raise DataError(f"{str(self._checkpoint)!r} is damaged ({error}); start the run again") from None

    def save(self, model: Model, averaged: AveragedModel, optimizer: torch.optim.Optimizer, state: Checkpoint) -> None:
        """Write the checkpoint, whole or not at all."""
        part = self._checkpoint.with_suffix(".part")
        states = {"model": model, "averaged": averaged.model, "optimizer": optimizer}
        fields = {name: module.state_dict() for name, module in states.items()}
        torch.save({**fields, "step": state.step, "best": state.best}, part)
        os.replace(part, self._checkpoint)

    def keep_best(self, model: Model, state: Checkpoint, measured: Validation | None) -> None:
        """Write the weights as the best of this run."""
        self._keep(self.best, model, state, measured)

    def keep_last(self, model: Model, state: Checkpoint, measured: Validation | None) -> None:
        """Write the weights as the newest of this run."""
        self._keep(self.last, model, state, measured)

    def _keep(self, path: Path, model: Model, state: Checkpoint, measured: Validation | None) -> None:
        values = {f"validation_{name}": getattr(measured, name, None) for name in MEASURES}
        notes = {"step": str(state.step)} | {name: f"{v:.4f}" for name, v in values.items() if v is not None}
        save_weights(path, to_weights(model, self._settings.model, notes))

    @contextmanager
    def logging(self, step: int) -> Iterator[None]:
        """Open the CSV and TensorBoard logs, cut back to ``step`` where a resumed run had logged further."""
        if not self._writes:
            yield
            return
        table = self.path / "log.csv"
        kept = _rows_until(table, step) if step else []
        with table.open("w", newline="", encoding="utf-8") as file:
            self._logs = Logs(file, self.path / "tensorboard", purge_step=step)
            self._logs.start(kept)
            try:
                yield
            finally:
                self._logs.close()

    def log(self, step: int, losses: Mapping[str, Tensor], learning_rate: float, measured: Validation | None) -> None:
        """Log one row; the validation columns stay empty where nothing was measured. TensorBoard gets every loss."""
        if self._logs is not None:
            parts = {name: loss.item() for name, loss in losses.items()}
            self._logs.write(step, parts, learning_rate, measured)

    def _check_same_settings(self) -> None:
        path = self.path / "settings.json"
        if path.exists() and read_settings(path) != self._settings:
            raise DataError(f"the run in {str(self.path)!r} had other settings; resume it with its own settings.json")


class Logs:
    """One row a report, in ``log.csv`` and in TensorBoard."""

    def __init__(self, file: TextIO, tensorboard: Path, purge_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._csv = csv.writer(file)
        self._file = file
        self._tensorboard = SummaryWriter(str(tensorboard), purge_step=purge_step)

    def start(self, kept: list[list[str]]) -> None:
        """Write the head of the table and the rows that stay from before."""
        self._csv.writerows([list(_COLUMNS), *kept])

    def write(self, step: int, losses: Mapping[str, float], learning_rate: float, measured: Validation | None) -> None:
        """Write one row (see `RunFolder.log`)."""
        values = (sum(losses.values()), learning_rate, *(getattr(measured, name, None) for name in MEASURES))
        self._csv.writerow([step, *("" if value is None else f"{value:.6g}" for value in values)])
        self._file.flush()
        for name, value in zip(_COLUMNS[1:], values, strict=True):
            if value is not None:
                self._tensorboard.add_scalar(name, value, step)
        for name, part in losses.items():
            self._tensorboard.add_scalar(f"losses/{name}", part, step)

    def close(self) -> None:
        """Flush and close TensorBoard's file."""
        self._tensorboard.close()


def _rows_until(table: Path, step: int) -> list[list[str]]:
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if row and row[0].isdigit() and int(row[0]) <= step]
