"""``lightfuse export``: a model as C, ONNX or LiteRT, with what it costs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options


class Format(StrEnum):
    """Where a model can go."""

    C = "c"
    ONNX = "onnx"
    LITERT = "litert"


def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder that the files go to.")],
    to: Annotated[Format, typer.Option("--format", help="What to make of the model.")],
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Name of a shipped model.")] = None,
    weights: options.WeightsFile = None,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Width and height of the pictures; LiteRT only.")
    ] = "1024x768",
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Take a model elsewhere: C for anything with a compiler, ONNX, or LiteRT (extras: export, litert).

    Example: lightfuse export small --format c -o lightfuse-c
    """
    from lightfuse.cli.folders import check_folder_output, write_files
    from lightfuse.cli.printing import show
    from lightfuse.weights import load_weights

    chosen = load_weights(options.chosen_model(model, weights))
    check_folder_output(output, overwrite=overwrite)
    if to is Format.C:
        from lightfuse.export.c import export_c

        files = export_c(chosen)
    elif to is Format.ONNX:
        from lightfuse.export.onnx_files import export_onnx

        files = export_onnx(chosen)
    else:
        from lightfuse.export.litert import export_litert, parse_size

        files = export_litert(chosen, *parse_size(size))
    for path in write_files(output, files):
        if not quiet:
            show(str(path))
