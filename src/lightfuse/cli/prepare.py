"""``lightfuse prepare``: folders of brackets become a data set for training."""

from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options

_TEACHER_HELP = "Take the tone of soft references from this model by day."


def prepare(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="Brackets: a folder a scene, or SICE's layout.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATASET", help="Folder to make.")],
    long_side: Annotated[int, typer.Option(help="Shrink pictures to this long side in pixels; 0 keeps them.")] = 1536,
    patch: Annotated[int, typer.Option(min=8, help="Side of a patch in pixels.")] = 256,
    stride: Annotated[int, typer.Option(min=1, help="Pixels from one patch to the next.")] = 256,
    validation: Annotated[float, typer.Option(help="Fraction of the scenes kept for validation.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Chooses which scenes are kept.")] = 0,
    soft_references: Annotated[
        bool, typer.Option("--soft-references", help="Make references from whole brackets where there are none.")
    ] = False,
    tone_teacher: Annotated[Path | None, typer.Option(metavar="WEIGHTS", help=_TEACHER_HELP)] = None,
    quiet: options.Quiet = False,
) -> None:
    """Order, pair, cut and split brackets for training, and report what was skipped.

    Example: lightfuse prepare SICE/Part1 -o data/sice
    """
    from lightfuse.cli.app import show
    from lightfuse.cli.printing import progress
    from lightfuse.training.prepare import PrepareSettings
    from lightfuse.training.prepare import prepare as make

    settings = PrepareSettings(long_side, patch, stride, validation, seed, soft_references, str(tone_teacher or ""))
    dataset = make(source, output, settings, progress=progress("reading", quiet=quiet))
    if quiet:
        return
    for scene in dataset.scenes:
        soft = "soft reference" if scene.has_soft_reference else "no reference"
        show(
            f"{scene.split:5}  {scene.name}: {len(scene.exposures)} exposures, mean {scene.means[0]:.0f} to "
            f"{scene.means[-1]:.0f}, {scene.width}×{scene.height}, {len(scene.patches)} patches, "
            f"{'reference' if scene.has_reference else soft}"
        )
    for skip in dataset.skipped:
        show(f"skipped {skip.name}: {skip.reason}")
    train, valid = dataset.split("train"), dataset.split("valid")
    patches = sum(len(scene.patches) for scene in train)
    show(
        f"{output}: {len(train)} scenes ({patches} patches) to train on, {len(valid)} to validate, "
        f"{len(dataset.skipped)} skipped"
    )
