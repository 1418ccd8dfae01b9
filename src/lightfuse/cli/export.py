"""``lightfuse export``: a model as C, ONNX or LiteRT, with what it costs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options
from lightfuse.errors import LightFuseError


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
    int8: Annotated[
        bool, typer.Option("--int8", help="Count in whole numbers, for processors without floating point; C only.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FOLDER", help="Brackets to judge the quality of int8 on, for the README; C and ONNX."
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Take a model elsewhere: C for anything with a compiler, ONNX, or LiteRT (extras: export, litert).

    Example: lightfuse export small --format c --int8 -o lightfuse-c
    """
    from lightfuse.cli.folders import check_folder_output, write_files
    from lightfuse.cli.printing import show
    from lightfuse.weights import load_weights

    _check_int8(to, int8, data)
    chosen = load_weights(options.chosen_model(model, weights))
    check_folder_output(output, overwrite=overwrite)
    if int8:
        from lightfuse.export.int8.files import export_int8

        files = export_int8(chosen, data)
    elif to is Format.C:
        from lightfuse.export.c import export_c

        files = export_c(chosen)
    elif to is Format.ONNX:
        from lightfuse.export.onnx_files import export_onnx

        files = export_onnx(chosen, data)
    else:
        from lightfuse.export.litert import export_litert, parse_size

        files = export_litert(chosen, *parse_size(size))
    for path in write_files(output, files):
        if not quiet:
            show(str(path))


def _check_int8(to: Format, int8: bool, data: Path | None) -> None:
    if int8 and to is not Format.C:
        raise LightFuseError("--int8 goes with --format c; an ONNX export always holds an int8 file")
    if data is not None and not int8 and to is not Format.ONNX:
        raise LightFuseError("--data judges int8: give it with --format onnx, or with --format c --int8")
