"""``lightfuse evaluate`` measures models and baselines on a folder of brackets; ``inspect`` draws what a model does."""

import math
import sys
from collections import Counter
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightfuse.cli import options
from lightfuse.cli.app import progress, show

if TYPE_CHECKING:
    from lightfuse.evaluation.tables import ScoreTable

_MAX_PIXELS = 500_000_000
_folder = partial(typer.Option, metavar="FOLDER")


def evaluate(
    data: Annotated[Path, _folder(help="Brackets, with or without references.")],
    model: options.Models = None,
    weights: Annotated[list[Path] | None, typer.Option(help="Weights files to measure too; may be repeated.")] = None,
    size: Annotated[str, typer.Option(help="Resize everything to WIDTHxHEIGHT first; empty keeps the size.")] = "",
    paper_protocol: Annotated[
        bool,
        typer.Option("--paper-protocol", help="Measure as the paper's code did: 1344x896, all pictures stretched."),
    ] = False,
    whole_bracket: Annotated[
        bool, typer.Option("--whole-bracket", help="MEF-SSIM of all exposures too; slow.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="NAME", help="Save NAME.csv, NAME.md.")
    ] = None,
    sheet: Annotated[Path | None, _folder(help="Write contact sheets: every picture, its error, worst scenes.")] = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Print PSNR, SSIM, MEF-SSIM, colour and tone measures of models and baselines: per scene, mean and worst scene.

    Example: lightfuse evaluate --data brackets -o table --sheet sheets
    """
    from dataclasses import replace

    from lightfuse.evaluation import evaluate as evaluation
    from lightfuse.evaluation.contact_sheet import ContactSheets
    from lightfuse.fuser import Fuser
    from lightfuse.models import shipped_models
    from lightfuse.system import check_folder_output, check_writable, write_atomically

    tables = [] if output is None else [output.with_name(f"{output.name}.{suffix}") for suffix in ("csv", "md")]
    for path in tables:
        check_writable(path, overwrite=overwrite)
    if sheet is not None:
        check_folder_output(sheet, overwrite=overwrite)
    resized = options.picture_size(size, _MAX_PIXELS) if size else None
    protocol = evaluation.PAPER_PROTOCOL if paper_protocol else evaluation.Protocol(resized)
    baselines = evaluation.baseline_methods()
    fusers = {name: Fuser(name, threads) for name in model or shipped_models()}
    given = list(dict.fromkeys(weights or []))
    stems = Counter([*(path.stem for path in given), *fusers, *baselines])  # A file is called by its stem where it can.
    fusers |= {path.stem if stems[path.stem] == 1 else str(path): Fuser(path, threads) for path in given}
    measured = evaluation.model_methods(fusers, whole_bracket=whole_bracket)
    sheets = ContactSheets(sheet, overwrite=overwrite) if sheet is not None else None
    table, skipped = evaluation.evaluate(
        data,
        measured | baselines,
        replace(protocol, whole_bracket=whole_bracket),
        progress=progress("measuring", quiet=quiet),
        watch=sheets.add if sheets is not None else lambda *_: None,
    )
    for line in skipped:
        print(f"lightfuse: skipped {line}", file=sys.stderr)
    if sheets is not None:
        sheets.finish({name: table.worst_scenes(name) for name in measured})
    report = evaluation.report(table)
    for path, text in zip(tables, (table.to_csv(), report), strict=False):
        write_atomically(path, [text.encode()], overwrite=True)
    if json:
        _show_records(table)
    elif not quiet:
        show(report.rstrip("\n"))


def _show_records(table: "ScoreTable") -> None:
    """A JSON record a method: means (null: none, or not finite), worst score of each measure, worst scenes by all."""
    for method in table.methods:
        means = {measure: table.mean(method, measure).value for measure in table.measures}
        finite = {measure: mean if math.isfinite(mean) else None for measure, mean in means.items()}
        found = {measure: table.worst(method, measure) for measure in table.measures}
        worst = {name: {"scene": w[0], "score": w[1]} for name, w in found.items() if w and math.isfinite(w[1])}
        record = {"method": method, **finite, "worst": worst, "worst scenes": table.worst_scenes(method)}
        show(dumps(record))


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
