"""``lightfuse evaluate``: models and baselines, measured on a folder of brackets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Brackets, with or without references.")],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="Shipped models to measure; may be repeated. [default: all]", show_default=False),
    ] = None,
    weights: Annotated[
        list[Path] | None, typer.Option("--weights", help="Weights files to measure too; may be repeated.")
    ] = None,
    size: Annotated[str, typer.Option(help="Resize everything to WIDTHxHEIGHT first; empty keeps the size.")] = "",
    paper_protocol: Annotated[
        bool,
        typer.Option("--paper-protocol", help="Measure as the paper's code did: 1344x896, all pictures stretched."),
    ] = False,
    whole_bracket: Annotated[
        bool, typer.Option("--whole-bracket", help="Measure MEF-SSIM against all exposures too (slow).")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="NAME", help="Save the table as NAME.csv and NAME.md.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FOLDER", help="Write contact sheets for looking: every picture, every error."),
    ] = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Print PSNR, SSIM, MEF-SSIM and colour measures of models and baselines, per scene and mean.

    Example: lightfuse evaluate --data brackets -o table --sheet sheets
    """
    from dataclasses import replace

    from lightfuse.cli.folders import check_folder_output
    from lightfuse.cli.tables import check_table_output, column_names, parse_size, print_table, save_table
    from lightfuse.evaluation import methods, run, scenes
    from lightfuse.evaluation.contact_sheet import ContactSheets
    from lightfuse.fuser import Fuser
    from lightfuse.models import shipped_models

    if output is not None:
        check_table_output(output, overwrite=overwrite)
    if sheet is not None:
        check_folder_output(sheet, overwrite=overwrite)
    protocol = scenes.PAPER_PROTOCOL if paper_protocol else scenes.Protocol(parse_size(size))
    baselines = methods.baseline_methods()
    fusers = {name: Fuser(name, threads) for name in model or shipped_models()}
    for name, path in column_names(weights or [], {*fusers, *baselines}).items():
        fusers[name] = Fuser(path, threads)
    measured = methods.model_methods(fusers, whole_bracket=whole_bracket)
    sheets = ContactSheets(sheet, overwrite=overwrite) if sheet is not None else None
    live = sys.stderr.isatty() and not quiet
    table, skipped = run.evaluate(
        data,
        measured | baselines,
        replace(protocol, whole_bracket=whole_bracket),
        progress=lambda name: print(f"measuring {name}", file=sys.stderr) if live else None,
        watch=sheets.add if sheets else run.look_away,
    )
    for line in skipped:
        print(f"lightfuse: skipped {line}", file=sys.stderr)
    if sheets is not None:
        sheets.finish()
    if output is not None:
        save_table(table, output)
    print_table(table, quiet=quiet, as_json=json)
