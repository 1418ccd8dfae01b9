"""What ``lightfuse batch`` prints: brackets that would be fused, progress, what failed, and how it ended."""

import json
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightfuse.batch.plan import BracketJob, Plan
from lightfuse.batch.run import Outcome
from lightfuse.brackets.files import LeftOut
from lightfuse.brackets.grouping import Grouping
from lightfuse.cli.app import show
from lightfuse.errors import DataError
from lightfuse.system import display_name

_NAMED = 5  # More than so many are counted, not listed.


def check_brackets(grouping: Grouping, folder: Path) -> None:
    """Raise DataError if there is nothing to fuse, with one of the reasons."""
    if not grouping.brackets:
        first = grouping.left_out[0]
        raise DataError(
            f"{display_name(folder)} holds no brackets: {_sentence(first)}; "
            "--dry-run lists all, --help says how else to sort"
        )


def print_plan(grouping: Grouping, planned: Sequence[BracketJob], folder: Path, *, quiet: bool, as_json: bool) -> None:
    """The brackets, one a line or a JSON record, and what is part of none."""
    for bracket, job in zip(grouping.brackets, planned, strict=True):
        if as_json:
            show(json.dumps({"scene": job.scene, **_paths(job), "by": grouping.method, "notes": bracket.notes}))
        else:
            names = ", ".join(display_name(shot.path.relative_to(folder)) for shot in bracket.shots)
            show(f"{display_name(job.output)}: {'; '.join([names, *bracket.notes])}")
    for left in grouping.left_out:
        record = {"left_out": str(left.path), "reason": left.reason}
        show(json.dumps(record) if as_json else f"left out {_sentence(left)}")
    if not quiet:
        for note in grouping.notes:
            print(f"lightfuse: note: {note}", file=sys.stderr)
    if not (as_json or quiet):
        counts = sorted({len(bracket.shots) for bracket in grouping.brackets})
        exposures = f" of {' or '.join(map(str, counts))} exposures" if counts else ""
        ending = f", {_many(len(grouping.left_out), 'picture')} left out" if grouping.left_out else ""
        show(f"{_many(len(planned), 'bracket')}{exposures}, sorted by {grouping.method}{ending}; nothing was fused")


class BatchReport:
    """Prints while a batch runs: call it with every outcome, inside ``with``; then `print_summary`.

    Progress goes to standard error, and only to a terminal; what failed goes there at once.
    """

    def __init__(self, grouping: Grouping, plan: Plan, out: Path, *, quiet: bool, as_json: bool) -> None:
        self._left_out, self._notes, self._plan, self._out = grouping.left_out, grouping.notes, plan, out
        self._quiet, self._as_json = quiet, as_json
        self._failed: list[str] = []
        self._decided: list[str] = []
        self._done, self._megapixels, self._start = 0, 0.0, time.monotonic()
        self._live = sys.stderr.isatty() and not quiet

    @property
    def is_imperfect(self) -> bool:
        """Whether a bracket failed or a picture could not be read."""
        return bool(self._failed) or any(left.unreadable for left in self._left_out)

    def __enter__(self) -> "BatchReport":
        unreadable = [left for left in self._left_out if left.unreadable]
        others = [left for left in self._left_out if not left.unreadable]
        for left in unreadable:
            self._say(_sentence(left))
        if not self._quiet:
            for left in others[:_NAMED]:
                self._say(f"left out {_sentence(left)}")
            if len(others) > _NAMED:
                self._say(f"left out {len(others) - _NAMED} more; --dry-run lists all")
            for note in self._notes:
                self._say(f"note: {note}")
        if self._as_json:
            for word, jobs in (("unchanged", self._plan.unchanged), ("existing", self._plan.existing)):
                for job in jobs:
                    show(json.dumps({"scene": job.scene, "status": word, **_paths(job)}))
        self._show_progress()
        return self

    def __call__(self, outcome: Outcome) -> None:
        """Tell of one bracket."""
        self._done += 1
        self._megapixels += outcome.result.megapixels
        name = display_name(outcome.job.output)
        if outcome.result.error is not None:
            self._failed.append(display_name(outcome.job.output.relative_to(self._out)))
            self._say(f"{name} was not made: {outcome.result.error}")
        left_out = [f"left out {display_name(frame)}: {reason}" for frame, reason in outcome.result.left_out.items()]
        if (outcome.result.notes or left_out) and not self._quiet:
            self._decided.append(f"{name}: {'; '.join([*outcome.result.notes, *left_out])}")
        if self._as_json:
            show(json.dumps(dict(outcome.record) | _paths(outcome.job)))
        self._show_progress()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._clear_progress()
        if kind is not None and self._done:
            print(self._summary(), file=sys.stderr)

    def print_summary(self) -> None:
        """What was decided of each bracket and how it ended: on standard output, or standard error beside records."""
        if self._as_json and not self._quiet:
            print(self._summary(), file=sys.stderr)
        elif not self._quiet:
            show(self._summary())

    def _summary(self) -> str:
        seconds = time.monotonic() - self._start
        unbegun = len(self._plan.jobs) - self._done
        unread = sum(left.unreadable for left in self._left_out)
        more = f" and {len(self._failed) - _NAMED} more" if len(self._failed) > _NAMED else ""
        parts = {
            f"{_many(self._done - len(self._failed), 'bracket')} fused": True,
            f"{len(self._failed)} failed ({', '.join(self._failed[:_NAMED])}{more})": self._failed,
            f"{_many(unread, 'picture')} unreadable": unread,
            f"{len(self._plan.unchanged)} done before": self._plan.unchanged,
            f"{len(self._plan.existing)} skipped": self._plan.existing,
            f"{unbegun} not begun": unbegun,
        }
        speed = f" in {seconds:.1f} s, {self._megapixels / seconds:.1f} megapixels/s" if self._megapixels else ""
        rest = "; run it again to go on" if unbegun else ""
        ended = f"{display_name(self._out)}: {', '.join(part for part, is_so in parts.items() if is_so)}{speed}{rest}"
        return "\n".join([*sorted(self._decided), ended])

    def _say(self, sentence: str) -> None:
        self._clear_progress()
        print(f"lightfuse: {sentence}", file=sys.stderr)

    def _show_progress(self) -> None:
        """On a terminal, a line that renews itself."""
        if self._live:
            count, seconds = len(self._plan.jobs), time.monotonic() - self._start
            line = f"fusing {self._done}/{count}"
            if self._done:
                left = timedelta(seconds=round(seconds / self._done * (count - self._done)))
                line += f", {self._megapixels / seconds:.1f} megapixels/s, {left} left"
            self._clear_progress()
            print(line, end="", file=sys.stderr, flush=True)

    def _clear_progress(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _paths(job: BracketJob) -> dict[str, Any]:
    return {"output": str(job.output), "inputs": [str(path) for path in job.inputs]}


def _sentence(left: LeftOut) -> str:
    return f"{display_name(left.path)}: {left.reason}"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
