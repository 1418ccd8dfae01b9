"""``lightfuse evaluate``: models and baselines, measured on a folder of brackets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options


def evaluate(
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FOLDER", help="Brackets, with or without references.")
    ] = None,
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
        typer.Option("--sheet", metavar="FOLDER", help="Write contact sheets: every picture, its error, worst scenes."),
    ] = None,
    blind: Annotated[
        Path | None,
        typer.Option("--blind", metavar="FOLDER", help="Write a blind test: a page of pairs, FOLDER.key.json beside."),
    ] = None,
    answers: Annotated[
        list[Path] | None,
        typer.Option("--answers", metavar="FILE", help="Count answers to the test in --blind; may be repeated."),
    ] = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Print PSNR, SSIM, MEF-SSIM, colour and tone measures of models and baselines: per scene, mean and worst scene.

    Example: lightfuse evaluate --data brackets -o table --sheet sheets

    A blind test compares the first method with every other: lightfuse evaluate --data brackets --model base --blind
    test, judge in test/index.html, then lightfuse evaluate --blind test --answers answers.json
    """
    from dataclasses import replace

    from lightfuse.cli.folders import check_folder_output
    from lightfuse.cli.printing import show
    from lightfuse.cli.tables import check_table_output, column_names, parse_size, print_table, save_table
    from lightfuse.errors import DataError
    from lightfuse.evaluation import evaluate as evaluation
    from lightfuse.evaluation.blind import BlindTest, count_votes, preference_table
    from lightfuse.evaluation.contact_sheet import ContactSheets
    from lightfuse.fuser import Fuser
    from lightfuse.models import shipped_models

    if answers:
        if blind is None or data is not None:
            raise DataError("answers are counted with --blind FOLDER --answers FILE alone")
        show(preference_table(count_votes(blind, answers)).rstrip("\n"))
        return
    if data is None:
        raise DataError("nothing to evaluate; give --data FOLDER, or --blind FOLDER and --answers FILE")
    if output is not None:
        check_table_output(output, overwrite=overwrite)
    for folder in (sheet, blind):
        if folder is not None:
            check_folder_output(folder, overwrite=overwrite)
    protocol = evaluation.PAPER_PROTOCOL if paper_protocol else evaluation.Protocol(parse_size(size))
    baselines = evaluation.baseline_methods()
    fusers = {name: Fuser(name, threads) for name in model or shipped_models()}
    for name, path in column_names(weights or [], {*fusers, *baselines}).items():
        fusers[name] = Fuser(path, threads)
    measured = evaluation.model_methods(fusers, whole_bracket=whole_bracket)
    sheets = ContactSheets(sheet, overwrite=overwrite) if sheet is not None else None
    test = BlindTest(blind, overwrite=overwrite) if blind is not None else None
    live = sys.stderr.isatty() and not quiet
    table, skipped = evaluation.evaluate(
        data,
        measured | baselines,
        replace(protocol, whole_bracket=whole_bracket),
        progress=lambda name: print(f"measuring {name}", file=sys.stderr) if live else None,
        watchers=[outputs.add for outputs in (sheets, test) if outputs is not None],
    )
    for line in skipped:
        print(f"lightfuse: skipped {line}", file=sys.stderr)
    worst = {name: table.worst_scenes(name) for name in measured}
    if sheets is not None:
        sheets.finish(worst)
    if test is not None:
        test.finish()
    if output is not None:
        save_table(table, output)
    print_table(table, quiet=quiet, as_json=json)
