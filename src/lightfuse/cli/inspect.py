"""``lightfuse inspect``: a model's filters, and what they make of a pair, as pictures."""

from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options


def inspect(
    model: Annotated[str, typer.Argument(metavar="MODEL|WEIGHTS", help="A shipped model's name or a weights file.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the pictures go.")],
    pair: Annotated[
        list[Path] | None, typer.Argument(metavar="[UNDER OVER]", help="Two exposures of one scene, in either order.")
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw a model's filters; with a pair, also what its two sub-networks make of it (extra: train).

    Example: lightfuse inspect runs/small/best.safetensors dark.jpg bright.jpg -o filters
    """
    from lightfuse.cli.app import show
    from lightfuse.errors import PictureError, missing_extra
    from lightfuse.models import load_weights
    from lightfuse.system import check_folder_output, write_files

    if pair and len(pair) != 2:
        raise PictureError(f"a pair is two pictures, an under- and an over-exposed one; {len(pair)} given")
    check_folder_output(output, overwrite=overwrite)
    with missing_extra("inspecting", "train", "torch"):
        from lightfuse.evaluation.inspect import inspect_model, read_pair

    for path in write_files(output, inspect_model(load_weights(model), read_pair(*pair) if pair else None)):
        if not quiet:
            show(str(path))
