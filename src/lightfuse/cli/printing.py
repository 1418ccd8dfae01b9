"""What commands print: results on standard output, everything else on standard error."""

import dataclasses
import json
import sys

from lightfuse.images.source import display_name
from lightfuse.pipeline import STDIO, FuseReport


def print_fused(report: FuseReport, *, quiet: bool, as_json: bool) -> None:
    """One line, or one JSON record, about a fused picture; notes go to standard error."""
    if not quiet:
        for note in report.notes:
            print(f"lightfuse: note: {note}", file=sys.stderr)
    if as_json:
        print(json.dumps(dataclasses.asdict(report)))
    elif not quiet:
        print(fused_line(report), file=sys.stderr if report.output == STDIO else sys.stdout)


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
