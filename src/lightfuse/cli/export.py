"""``lightfuse export``: a model as C, ONNX, LiteRT or ncnn, with what it costs."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options
from lightfuse.errors import LightFuseError

_MOST_PIXELS = 1 << 26


class Format(StrEnum):
    """Where a model can go."""

    C = "c"
    ONNX = "onnx"
    LITERT = "litert"
    NCNN = "ncnn"


def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder that the files go to.")],
    to: Annotated[Format, typer.Option("--format", help="What to make of the model.")],
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Name of a shipped model.")] = None,
    weights: options.WeightsFile = None,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Width and height of the pictures; LiteRT and ncnn.")
    ] = "1024x768",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FOLDER", help="Brackets to judge the quality of int8 on, for the README; ONNX."
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Take a model elsewhere: C for anything with a compiler, ONNX, LiteRT or ncnn (extras: export, litert, ncnn).

    Example: lightfuse export small --format c -o lightfuse-c
    """
    from lightfuse.cli.folders import check_folder_output, write_files
    from lightfuse.cli.printing import show
    from lightfuse.models import load_weights

    if data is not None and to is not Format.ONNX:
        raise LightFuseError("--data judges int8: give it with --format onnx")
    chosen = load_weights(options.chosen_model(model, weights))
    check_folder_output(output, overwrite=overwrite)
    if to is Format.C:
        from lightfuse.export.c import export_c

        files = export_c(chosen)
    elif to is Format.ONNX:
        from lightfuse.export.onnx import export_onnx

        files = export_onnx(chosen, data)
    elif to is Format.LITERT:
        from lightfuse.export.mobile import export_litert

        files = export_litert(chosen, *_picture_size(size))
    else:
        from lightfuse.export.mobile import export_ncnn

        files = export_ncnn(chosen, *_picture_size(size))
    for path in write_files(output, files):
        if not quiet:
            show(str(path))


def _picture_size(text: str) -> tuple[int, int]:
    """(width, height) of ``1024x768``. Raises LightFuseError for anything else."""
    found = re.fullmatch(r"([1-9]\d{0,5})[x×]([1-9]\d{0,5})", text.strip())
    size = (int(found.group(1)), int(found.group(2))) if found else (0, 0)
    if not 0 < size[0] * size[1] <= _MOST_PIXELS:
        raise LightFuseError(f"--size must be a width and a height in pixels, such as 1024x768, not {text!r}")
    return size
