"""Tables of scores, printed and saved."""

import json
import math
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from lightfuse.cli.printing import show
from lightfuse.errors import DataError
from lightfuse.evaluation.evaluate import report
from lightfuse.evaluation.tables import ScoreTable
from lightfuse.system import check_writable, write_atomically

_MAX_PIXELS = 500_000_000


def parse_size(text: str) -> tuple[int, int] | None:
    """``1344x896`` as (1344, 896); nothing as None. Raises DataError for anything else."""
    if not text:
        return None
    width, cross, height = text.lower().replace("×", "x").partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise DataError(f"size {text!r} is not of the form WIDTHxHEIGHT, such as 1344x896")
    if int(width) * int(height) > _MAX_PIXELS:
        raise DataError(f"size {text!r} is more than {_MAX_PIXELS:,} pixels; give a smaller one")
    return int(width), int(height)


def check_table_output(output: Path, *, overwrite: bool) -> None:
    """Raise OutputError, before any work, unless both files of a table can be written."""
    for path in _files(output):
        check_writable(path, overwrite=overwrite)


def column_names(paths: Sequence[Path], taken: Collection[str]) -> dict[str, Path]:
    """What the table calls each weights file: its stem where that is unambiguous, else its path."""
    stems = Counter([path.stem for path in dict.fromkeys(paths)] + list(taken))
    return {path.stem if stems[path.stem] == 1 else str(path): path for path in paths}


def save_table(table: ScoreTable, output: Path) -> None:
    """Write every score as CSV, and the report of scenes, means and worst scenes as Markdown."""
    for path, text in zip(_files(output), (table.to_csv(), report(table)), strict=True):
        write_atomically(path, [text.encode()], overwrite=True)


def print_table(table: ScoreTable, *, quiet: bool, as_json: bool) -> None:
    """The table on standard output, and the worst scenes of each method.

    As JSON, one record a method with its means (null: none, or not finite), the worst score of each measure and the
    scenes that are worst by all measures.
    """
    if as_json:
        for method in table.methods:
            means = {measure: table.mean(method, measure).value for measure in table.measures}
            finite = {measure: mean if math.isfinite(mean) else None for measure, mean in means.items()}
            found = {measure: table.worst(method, measure) for measure in table.measures}
            worst = {
                measure: {"scene": w[0], "score": w[1]} for measure, w in found.items() if w and math.isfinite(w[1])
            }
            record = {"method": method, **finite, "worst": worst, "worst scenes": table.worst_scenes(method)}
            show(json.dumps(record))
    elif not quiet:
        show(report(table).rstrip("\n"))


def _files(output: Path) -> tuple[Path, Path]:
    return output.with_name(output.name + ".csv"), output.with_name(output.name + ".md")
