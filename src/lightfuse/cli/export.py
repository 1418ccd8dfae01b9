"""``lightfuse export``: a model as C, ONNX, LiteRT or ncnn, with what it costs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lightfuse.cli import options

_MOST_PIXELS = 1 << 26


def export(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder that the files go to.")],
    to: Annotated[Literal["c", "onnx", "litert", "ncnn"], typer.Option("--format", help="What to make of the model.")],
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="Name of a shipped model.")] = None,
    weights: options.WeightsFile = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the pictures; for LiteRT and ncnn.")] = "1024x768",
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Take a model elsewhere: C for anything with a compiler, ONNX, LiteRT or ncnn (extras: export, litert, ncnn).

    Example: lightfuse export small --format c -o lightfuse-c
    """
    from lightfuse.cli.app import show
    from lightfuse.models import load_weights
    from lightfuse.system import check_folder_output, write_files

    chosen = load_weights(options.chosen_model(model, weights))
    check_folder_output(output, overwrite=overwrite)
    if to == "c":
        from lightfuse.export.c import export_c

        files = export_c(chosen)
    else:
        from lightfuse.export.engines import export_litert, export_ncnn, export_onnx

        if to == "onnx":
            files = export_onnx(chosen)
        else:
            make = export_litert if to == "litert" else export_ncnn
            files = make(chosen, *options.picture_size(size, _MOST_PIXELS))
    for path in write_files(output, files):
        if not quiet:
            show(str(path))
