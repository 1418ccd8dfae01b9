"""``lightfuse prepare``, ``train`` and ``import-keras``: a data set of brackets, weights of it, and those of others."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightfuse.cli import options
from lightfuse.cli.app import progress, show

if TYPE_CHECKING:
    from lightfuse.training.loop import Progress

_WORDS_HELP = "More data sets; settings to change, such as steps=4000."


def prepare(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="Brackets: a folder a scene, or SICE's layout.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATASET", help="Folder to make.")],
    long_side: Annotated[int, typer.Option(help="Shrink pictures to this long side in pixels; 0 keeps them.")] = 1536,
    patch: Annotated[int, typer.Option(min=8, help="Side of a patch in pixels.")] = 256,
    stride: Annotated[int, typer.Option(min=1, help="Pixels from one patch to the next.")] = 256,
    validation: Annotated[float, typer.Option(help="Fraction of the scenes kept for validation.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Chooses which scenes are kept.")] = 0,
    quiet: options.Quiet = False,
) -> None:
    """Order, pair, cut and split brackets for training, and report what was skipped.

    Example: lightfuse prepare SICE/Part1 -o data/sice
    """
    from lightfuse.training.prepare import PrepareSettings
    from lightfuse.training.prepare import prepare as make

    settings = PrepareSettings(long_side, patch, stride, validation, seed)
    dataset = make(source, output, settings, progress=progress("reading", quiet=quiet))
    if quiet:
        return
    for scene in dataset.scenes:
        show(
            f"{scene.split:5}  {scene.name}: {len(scene.exposures)} exposures, mean {scene.means[0]:.0f} to "
            f"{scene.means[-1]:.0f}, {scene.width}×{scene.height}, {len(scene.patches)} patches, "
            f"{'reference' if scene.has_reference else 'soft reference'}"
        )
    for skip in dataset.skipped:
        show(f"skipped {skip}")
    train, valid = dataset.split("train"), dataset.split("valid")
    patches = sum(len(scene.patches) for scene in train)
    show(
        f"{output}: {len(train)} scenes ({patches} patches) to train on, {len(valid)} to validate, "
        f"{len(dataset.skipped)} skipped"
    )


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
        if measured:
            forms = {"psnr": "{:.2f} dB", "ssim": "SSIM {:.4f}", "mef_ssim": "MEF-SSIM {:.4f}"}
            words = ", ".join(form.format(measured[name]) for name, form in forms.items() if name in measured)
            line += f"  validation {words}, score {measured['score']:.2f} (best {progress.best:.2f})"
        print(line.ljust(78), end="\n" if measured else "\r", file=sys.stderr, flush=True)


def import_keras(
    source: Annotated[Path, typer.Argument(metavar="WEIGHTS.h5", help="The authors' Keras weights (HDF5).")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="WEIGHTS.safetensors", help="File to write.")],
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Turn the authors' Keras weights into a LightFuse weights file (extra: keras).

    Example: lightfuse import-keras weights.h5 -o authors.safetensors
    """
    from lightfuse.models import check_weights_output, save_weights
    from lightfuse.models.keras import read_keras

    check_weights_output(output, overwrite=overwrite)
    weights = read_keras(source)
    save_weights(output, weights)
    if not quiet:
        show(f"{output}: model {weights.model}, {weights.parameters:,} parameters; use it with --weights {output}")
