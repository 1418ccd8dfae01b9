"""``lightfuse import-keras``: the paper's authors' weights, made LightFuse's."""

from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options


def import_keras(
    source: Annotated[Path, typer.Argument(metavar="WEIGHTS.h5", help="The authors' Keras weights (HDF5).")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="WEIGHTS.safetensors", help="File to write.")],
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Turn the authors' Keras weights into a LightFuse weights file (extra: keras).

    Example: lightfuse import-keras weights.h5 -o authors.safetensors
    """
    from lightfuse.cli.app import show
    from lightfuse.models import check_weights_output, save_weights
    from lightfuse.models.keras import read_keras

    check_weights_output(output, overwrite=overwrite)
    weights = read_keras(source)
    save_weights(output, weights)
    if not quiet:
        show(f"{output}: model {weights.model}, {weights.parameters:,} parameters; use it with --weights {output}")
