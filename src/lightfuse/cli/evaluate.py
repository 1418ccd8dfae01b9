"""``lightfuse evaluate``: models and baselines, measured on a folder of brackets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options
from lightfuse.fuser import DEFAULT_MODEL


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Brackets, with or without references.")],
    model: options.Model = DEFAULT_MODEL,
    weights: Annotated[
        list[Path] | None, typer.Option("--weights", help="Weights files to measure too; may be repeated.")
    ] = None,
    size: Annotated[str, typer.Option(help="Resize everything to WIDTHxHEIGHT first; empty keeps the size.")] = "",
    paper_protocol: Annotated[
        bool,
        typer.Option("--paper-protocol", help="Measure as the paper's code did: 1344x896, all pictures stretched."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="NAME", help="Save the table as NAME.csv and NAME.md.")
    ] = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Print PSNR, SSIM, MEF-SSIM and colour measures of models and baselines, per scene and mean.

    Example: lightfuse evaluate --data brackets -o table
    """
    from lightfuse.cli.tables import check_table_output, column_names, parse_size, print_table, save_table
    from lightfuse.evaluation import run
    from lightfuse.fuser import Fuser

    if output is not None:
        check_table_output(output, overwrite=overwrite)
    protocol = run.PAPER_PROTOCOL if paper_protocol else run.Protocol(parse_size(size))
    methods = {model: run.weights_method(Fuser(model, threads))}
    for name, path in column_names(weights or [], {model, *run.baseline_methods()}).items():
        methods[name] = run.weights_method(Fuser(path, threads))
    live = sys.stderr.isatty() and not quiet
    table, skipped = run.evaluate(
        data,
        methods | run.baseline_methods(),
        protocol,
        progress=lambda name: print(f"measuring {name}", file=sys.stderr) if live else None,
    )
    for line in skipped:
        print(f"lightfuse: skipped {line}", file=sys.stderr)
    if output is not None:
        save_table(table, output)
    print_table(table, quiet=quiet, as_json=json)
