"""What a training run leaves on disk: settings, checkpoint, best weights, CSV and TensorBoard logs."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import torch

from lightfuse.errors import DataError
from lightfuse.networks import to_weights
from lightfuse.networks.models import Model
from lightfuse.training.settings import TrainSettings, read_settings
from lightfuse.weights import save_weights

if TYPE_CHECKING:
    from lightfuse.training.loop import Validation

_COLUMNS = ("step", "loss", "learning_rate", "validation_psnr", "validation_ssim")


@dataclass
class Checkpoint:
    """Where a run stands: steps done and the best validation PSNR (dB) so far."""

    step: int
    best_psnr: float


class RunFolder:
    """The folder of one run; refuses to mix two runs."""

    def __init__(self, path: Path, settings: TrainSettings, *, resume: bool) -> None:
        self.path = path
        self._settings = settings
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
    def _checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    def restore(self, model: Model, optimizer: torch.optim.Optimizer) -> Checkpoint:
        """Load the newest checkpoint into model and optimizer."""
        try:
            saved: dict[str, Any] = torch.load(self._checkpoint, weights_only=True)
            model.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            return Checkpoint(saved["step"], saved["best_psnr"])
        except OSError:
            raise DataError(f"{str(self.path)!r} has no checkpoint to resume; start it without --resume") from None
        except (RuntimeError, KeyError, EOFError, ValueError) as error:
            raise DataError(f"{str(self._checkpoint)!r} is damaged ({error}); start the run again") from None

    def save(self, model: Model, optimizer: torch.optim.Optimizer, state: Checkpoint) -> None:
        """Write the checkpoint, whole or not at all."""
        part = self._checkpoint.with_suffix(".part")
        fields = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**fields, "step": state.step, "best_psnr": state.best_psnr}, part)
        os.replace(part, self._checkpoint)

    def keep_best(self, model: Model, state: Checkpoint) -> None:
        """Write the weights as the best of this run."""
        notes = {"step": str(state.step), "validation_psnr": f"{state.best_psnr:.3f}"}
        save_weights(self.best, to_weights(model, self._settings.model, notes))

    @contextmanager
    def logs(self, step: int) -> Iterator["Logs"]:
        """Open the CSV and TensorBoard logs, cut back to ``step`` where a resumed run had logged further."""
        table = self.path / "log.csv"
        kept = _rows_until(table, step) if step else []
        with table.open("w", newline="", encoding="utf-8") as file:
            logs = Logs(file, self.path / "tensorboard", purge_step=step)
            logs.start(kept)
            try:
                yield logs
            finally:
                logs.close()

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

    def write(self, step: int, loss: float, learning_rate: float, measured: "Validation | None") -> None:
        """Log one row; the validation columns stay empty where nothing was measured."""
        values = (loss, learning_rate, measured and measured.psnr, measured and measured.ssim)
        self._csv.writerow([step, *("" if value is None else f"{value:.6g}" for value in values)])
        self._file.flush()
        for name, value in zip(_COLUMNS[1:], values, strict=True):
            if value is not None:
                self._tensorboard.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close TensorBoard's file."""
        self._tensorboard.close()


def _rows_until(table: Path, step: int) -> list[list[str]]:
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.reader(file) if row and row[0].isdigit() and int(row[0]) <= step]
