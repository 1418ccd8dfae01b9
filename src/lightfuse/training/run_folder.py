"""What a training run leaves on disk: settings, checkpoint, best weights, CSV and TensorBoard logs."""

import csv
import math
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lightfuse.errors import DataError
from lightfuse.models import save_weights
from lightfuse.models.networks import Model, to_weights
from lightfuse.system import cannot_write, make_folder, remove_parts, write_atomically
from lightfuse.training.objective import MEASURES, Validation
from lightfuse.training.settings import TrainSettings, choose_settings

Log = Callable[[int, Mapping[str, Tensor], float, Validation], None]
"""Logs a step's losses, learning rate and validation: a row of CSV, its cells empty where nothing was measured, and
TensorBoard, which gets every loss."""

_COLUMNS = ("step", "loss", "learning_rate", *(f"validation_{measure}" for measure in MEASURES))


@dataclass
class Checkpoint:
    """Steps done and the best validation score so far."""

    step: int
    best: float


class RunFolder:
    """The folder of one run, refused if it holds another. In a process group only the main process ``writes``.

    Every file is written whole or not at all, and the checkpoint last: a run that is killed at any moment goes on from
    its checkpoint as if nothing had come after it.
    """

    def __init__(self, path: Path, settings: TrainSettings, *, resume: bool, writes: bool = True) -> None:
        self.path = path
        self.best = path / "best.safetensors"
        self._settings = settings
        self._writes = writes
        self._checkpoint = path / "checkpoint.pt"
        if not writes:
            return
        saved = path / "settings.json"
        if resume and saved.exists() and choose_settings(saved) != settings:
            raise DataError(f"the run in {str(path)!r} had other settings; resume it with its own settings.json")
        if not resume and self._checkpoint.exists():
            raise DataError(f"{str(path)!r} already holds a run; continue it with --resume or give another folder")
        make_folder(path)
        remove_parts(path)
        write_atomically(saved, [settings.to_json().encode()], overwrite=True)

    def restore(self, model: Model, averaged: Model, optimizer: torch.optim.Optimizer) -> Checkpoint:
        """Load the newest checkpoint into model, running average and optimizer; the beginning where there is none yet.

        Raises DataError where the checkpoint is damaged.
        """
        if not self._checkpoint.exists():
            return Checkpoint(step=0, best=-math.inf)
        try:
            saved: dict[str, Any] = torch.load(self._checkpoint, weights_only=True)
            model.load_state_dict(saved["model"])
            averaged.load_state_dict(saved["averaged"])
            optimizer.load_state_dict(saved["optimizer"])
            return Checkpoint(saved["step"], saved["best"])
        except OSError as error:
            raise DataError(f"{str(self._checkpoint)!r} cannot be read: {error.strerror}") from None
        except (RuntimeError, KeyError, EOFError, ValueError, pickle.UnpicklingError):
            raise DataError(f"{str(self._checkpoint)!r} is damaged; delete it and start the run again") from None

    def save(self, model: Model, averaged: Model, optimizer: torch.optim.Optimizer, state: Checkpoint) -> None:
        """Write the checkpoint, whole or not at all."""
        states = {"model": model, "averaged": averaged, "optimizer": optimizer}
        fields = {name: module.state_dict() for name, module in states.items()}
        file = BytesIO()
        torch.save({**fields, "step": state.step, "best": state.best}, file)
        write_atomically(self._checkpoint, [file.getvalue()], overwrite=True)

    def keep(self, model: Model, state: Checkpoint, measured: Validation, *, best: bool) -> None:
        """Write the weights as the newest of this run, ``last.safetensors``, and where ``best`` as its best."""
        notes = {"step": str(state.step)} | {f"validation_{name}": f"{value:.4f}" for name, value in measured.items()}
        for name in ("best", "last") if best else ("last",):
            save_weights(self.path / f"{name}.safetensors", to_weights(model, self._settings.model, notes))

    @contextmanager
    def logging(self, step: int) -> Iterator[Log]:
        """Open the CSV and TensorBoard logs; rows that a resumed run had logged after ``step`` are removed.

        Raises OutputError where the disk refuses them, then or later.
        """
        from torch.utils.tensorboard import SummaryWriter

        if not self._writes:
            yield lambda *_: None
            return
        table = self.path / "log.csv"
        kept = [list(_COLUMNS)]
        if step and table.exists():  # A full disk may have torn its last row.
            rows = (row for row in csv.reader(table.read_text("utf-8").splitlines()) if len(row) == len(_COLUMNS))
            kept += [row for row in rows if row[0].isdigit() and int(row[0]) <= step]
        write_atomically(table, ["".join(",".join(row) + "\n" for row in kept).encode()], overwrite=True)
        try:
            with (
                _quiet_threads(),
                table.open("a", newline="", encoding="utf-8") as file,
                closing(SummaryWriter(str(self.path / "tensorboard"), purge_step=step)) as tensorboard,
            ):
                writer = csv.writer(file, lineterminator="\n")

                def log(step: int, losses: Mapping[str, Tensor], rate: float, measured: Validation) -> None:
                    parts = {f"losses/{name}": loss.item() for name, loss in losses.items()}
                    values = (sum(parts.values()), rate, *(measured.get(name) for name in MEASURES))
                    writer.writerow([step, *("" if value is None else f"{value:.6g}" for value in values)])
                    file.flush()
                    for name, value in {**dict(zip(_COLUMNS[1:], values, strict=True)), **parts}.items():
                        if value is not None:
                            tensorboard.add_scalar(name, value, step)

                yield log
        except OSError as error:
            raise cannot_write(self.path, error) from None


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """Keep errors of threads from the terminal: TensorBoard raises those of the disk again where it is called."""
    shown = threading.excepthook
    threading.excepthook = lambda raised: None if isinstance(raised.exc_value, OSError) else shown(raised)
    try:
        yield
    finally:
        threading.excepthook = shown
