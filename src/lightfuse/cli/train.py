"""``lightfuse train``: a prepared data set becomes weights."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightfuse.cli import options

if TYPE_CHECKING:
    from lightfuse.training.loop import Progress
    from lightfuse.training.objective import Validation


def train(
    data: Annotated[Path, typer.Argument(metavar="DATASET", help="What lightfuse prepare made.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="RUN", help="Folder for weights, logs, checkpoint.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATASET|NAME=VALUE]...", help="More data sets; settings to change, such as steps=4000."
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings, or a run's settings.json.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run stopped.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a model; stop with Ctrl-C at any time and go on with --resume (extra: train).

    Example: lightfuse train data/sice data/brackets -o runs/small model=small steps=20000
    """
    from lightfuse.cli.printing import show
    from lightfuse.errors import MissingExtraError
    from lightfuse.training.settings import choose_settings

    try:
        from lightfuse.training.loop import train as run
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "tensorboard", "matplotlib"):
            raise
        raise MissingExtraError("training", "train") from None

    if config is None and resume and (output / "settings.json").exists():
        config = output / "settings.json"
    folders = [data, *(Path(word) for word in settings or [] if _is_data_set(word))]
    chosen = choose_settings(config, [word for word in settings or [] if not _is_data_set(word)])
    best = run(folders, output, chosen, resume=resume, report=_Reporter(quiet))
    if not quiet and os.environ.get("RANK", "0") == "0":  # torchrun numbers its processes; one speaks.
        show(f"\n{best}: the best weights; try them with: lightfuse fuse UNDER OVER -o OUT --weights {best}")


def _is_data_set(word: str) -> bool:
    """Whether a word after the first data set is another one, not a setting."""
    return "=" not in word and Path(word).is_dir()


class _Reporter:
    """Progress on standard error: a line that renews itself on a terminal, a line a validation elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._start: tuple[float, int] | None = None

    def __call__(self, progress: "Progress") -> None:
        if self._quiet:
            return
        terminal = sys.stderr.isatty()
        measured = progress.validation
        if terminal or measured is not None:
            line = f"step {progress.step}/{progress.steps}  loss {progress.loss:.4f}  {self._time_left(progress)}"
            if measured is not None:
                line += f"  validation {_words(measured)}, score {measured.score:.2f} (best {progress.best:.2f})"
            ends = "\n" if measured is not None or not terminal else "\r"
            print(line.ljust(78), end=ends, file=sys.stderr, flush=True)

    def _time_left(self, progress: "Progress") -> str:
        now = time.monotonic()
        if self._start is None:
            self._start = (now, progress.step)
            return "measuring speed"
        seconds = (now - self._start[0]) / max(1, progress.step - self._start[1]) * (progress.steps - progress.step)
        return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02}:{int(seconds % 60):02} left"


def _words(measured: "Validation") -> str:
    parts = ("{:.2f} dB", measured.psnr), ("SSIM {:.4f}", measured.ssim), ("MEF-SSIM {:.4f}", measured.mef_ssim)
    return ", ".join(form.format(value) for form, value in parts if value is not None)
