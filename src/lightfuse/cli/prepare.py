"""``lightfuse prepare``: folders of brackets become a data set for training."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options


def prepare(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="Brackets: a folder a scene, or SICE's layout.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATASET", help="Folder to make.")],
    long_side: Annotated[int, typer.Option(help="Shrink pictures to this long side in pixels; 0 keeps them.")] = 1536,
    patch: options.Patch = 256,
    stride: Annotated[int, typer.Option(min=1, help="Pixels from one patch to the next.")] = 256,
    validation: Annotated[float, typer.Option(help="Fraction of the scenes kept for validation.")] = 0.2,
    fold: Annotated[int, typer.Option(min=0, help="Which of them, for cross-validation: 0, 1, 2 and so on.")] = 0,
    seed: Annotated[int, typer.Option(help="Chooses which scenes are kept.")] = 0,
    soft_references: Annotated[
        bool, typer.Option("--soft-references", help="Make references from whole brackets where there are none.")
    ] = False,
    tone_teacher: Annotated[
        Path | None,
        typer.Option(
            "--tone-teacher", metavar="WEIGHTS", help="Take the tone of soft references from this model by day."
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Order, pair, cut and split brackets for training, and report what was skipped.

    Example: lightfuse prepare SICE/Part1 -o data/sice
    """
    from lightfuse.cli.printing import show
    from lightfuse.training.prepare import PrepareSettings
    from lightfuse.training.prepare import prepare as make

    settings = PrepareSettings(
        long_side, patch, stride, validation, fold, seed, soft_references, str(tone_teacher or "")
    )
    live = sys.stderr.isatty() and not quiet
    dataset = make(
        source, output, settings, progress=lambda name: print(f"reading {name}", file=sys.stderr) if live else None
    )
    if quiet:
        return
    for scene in dataset.scenes:
        soft = "soft reference" if scene.has_soft_reference else "no reference"
        reference = "reference" if scene.has_reference else soft
        show(
            f"{scene.split:5}  {scene.name}: {len(scene.exposures)} exposures, mean {scene.means[0]:.0f} to "
            f"{scene.means[-1]:.0f}, {scene.width}×{scene.height}, {len(scene.patches)} patches, {reference}"
        )
    for skip in dataset.skipped:
        show(f"skipped {skip.name}: {skip.reason}")
    counts = {split: len(dataset.split(split)) for split in ("train", "valid")}
    patches = sum(len(scene.patches) for scene in dataset.split("train"))
    show(
        f"{output}: {counts['train']} scenes ({patches} patches) to train on, {counts['valid']} to validate, "
        f"{len(dataset.skipped)} skipped"
    )
