"""Fusing elsewhere: ``lightfuse export``, a model as C, ONNX, LiteRT or ncnn, and ``lightfuse serve``, the web page."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lightfuse.cli import options
from lightfuse.cli.app import show

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


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes any that is free.")] = 8000,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the web page: photographs are fused in the browser and never leave it. Ctrl-C ends it.

    Example: lightfuse serve --open
    """
    from lightfuse.web.server import PageServer

    with PageServer(host, port) as server:
        show(f"LightFuse is at {server.url} (Ctrl-C ends it)")
        if open_:
            import webbrowser

            webbrowser.open(server.url)
        server.serve_forever()
