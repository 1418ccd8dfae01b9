"""What commands print: results on standard output, everything else on standard error."""

import dataclasses
import json
import os
import sys

from lightfuse.errors import OutputError
from lightfuse.options import STDIO
from lightfuse.pipeline import FuseReport
from lightfuse.system import display_name


def show(text: str) -> None:
    """Print a line on standard output at once. A full disk is an error, a pipe closed by its reader is not.

    Raises:
        OutputError: standard output cannot be written.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Else Python tries, and complains, at the end.
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def print_fused(report: FuseReport, *, quiet: bool, as_json: bool) -> None:
    """One line, or one JSON record, about a fused picture; notes go to standard error."""
    if not quiet:
        for note in report.notes:
            print(f"lightfuse: note: {note}", file=sys.stderr)
    if as_json:
        show(json.dumps(dataclasses.asdict(report)))
    elif not quiet and report.output == STDIO:
        print(fused_line(report), file=sys.stderr)
    elif not quiet:
        show(fused_line(report))


def fused_line(report: FuseReport) -> str:
    """What was done and what it cost, in one sentence."""
    seconds = report.seconds
    megapixels = report.width * report.height / 1e6
    target = "standard output" if report.output == STDIO else display_name(report.output)
    return (
        f"{target}: {report.width}×{report.height} ({megapixels:.1f} megapixels) fused by {report.model} in "
        f"{_time(seconds['fuse'])}, after reading for {_time(seconds['read'])} and before writing for "
        f"{_time(seconds['write'])}"
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
