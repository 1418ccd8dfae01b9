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

_WORDS_HELP = "More data sets; settings to change, such as steps=4000."


def train(
    data: Annotated[Path, typer.Argument(metavar="DATASET", help="What lightfuse prepare made.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="For weights, logs and checkpoint.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[DATASET|NAME=VALUE]...", help=_WORDS_HELP)] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings, or a run's settings.json.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run stopped, if it had begun.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a model; stop with Ctrl-C at any time and go on with --resume (extra: train).

    Example: lightfuse train data/sice data/brackets -o runs/small model=small steps=20000
    """
    from lightfuse.cli.app import show
    from lightfuse.errors import missing_extra
    from lightfuse.training.settings import choose_settings

    with missing_extra("training", "train", "torch", "tensorboard"):
        from lightfuse.training.loop import train as run

    if config is None and resume and (output / "settings.json").exists():
        config = output / "settings.json"
    data_sets = [word for word in settings or [] if "=" not in word and Path(word).is_dir()]
    chosen = choose_settings(config, [word for word in settings or [] if word not in data_sets])
    best = run([data, *map(Path, data_sets)], output, chosen, resume=resume, report=_Reporter(quiet))
    if not quiet and os.environ.get("RANK", "0") == "0":  # torchrun numbers its processes; one speaks.
        show(f"\n{best}: the best weights; try them with: lightfuse fuse UNDER OVER -o OUT --weights {best}")


class _Reporter:
    """Progress on standard error: a line that renews itself on a terminal, a line a validation elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._start: tuple[float, int] | None = None

    def __call__(self, progress: "Progress") -> None:
        terminal, measured = sys.stderr.isatty(), progress.validation
        if self._quiet or not (terminal or measured):
            return
        left, now = "measuring speed", time.monotonic()
        if self._start is None:
            self._start = (now, progress.step)
        else:
            a_step = (now - self._start[0]) / max(1, progress.step - self._start[1])
            seconds = a_step * (progress.steps - progress.step)
            left = f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02}:{int(seconds % 60):02} left"
        line = f"step {progress.step}/{progress.steps}  loss {progress.loss:.4f}  {left}"
        if measured is not None:
            forms = ("{:.2f} dB", measured.psnr), ("SSIM {:.4f}", measured.ssim), ("MEF-SSIM {:.4f}", measured.mef_ssim)
            words = ", ".join(form.format(value) for form, value in forms if value is not None)
            line += f"  validation {words}, score {measured.score:.2f} (best {progress.best:.2f})"
        print(line.ljust(78), end="\n" if measured else "\r", file=sys.stderr, flush=True)
