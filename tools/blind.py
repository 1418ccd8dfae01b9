"""Blind preference tests: pairs of results as A and B in random order, a page to judge them, and the count of votes.

    python -m tools.blind make BRACKETS FOLDER --model base
    python -m tools.blind count FOLDER ANSWERS...

The first model or weights file is compared with each other one and with the baselines of `lightfuse evaluate`.

A folder is written that tells nothing of the methods: ``index.html`` and ``pairs/ID-a.jpg``, ``pairs/ID-b.jpg``. Which
method is A and which is B is in a file beside the folder, ``FOLDER.key.json``. Whoever judges opens the page in a
browser, presses keys, and downloads the votes as ``answers.json``.
"""

import argparse
import json
import math
import os
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from lightfuse.errors import DataError, LightFuseError
from lightfuse.evaluation.evaluate import Result, Scene, baseline_methods, evaluate, model_methods
from lightfuse.evaluation.tables import markdown_table
from lightfuse.fuser import Fuser
from lightfuse.images import EncodeOptions, write_picture
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.sheets import shrink
from lightfuse.system import already_exists, make_folder, write_atomically

LONG_SIDE = 1600  # pixels that results are shrunk to
VOTES = ("a", "b", "equal")

_QUALITY = 95
_Z_95 = 1.959964

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class BlindPair:
    """Two results of one scene: the identifier in file names, and the methods that made A and B."""

    id: str
    scene: str
    a: str
    b: str


@dataclass(frozen=True)
class Preference:
    """How often one method was preferred to another: votes for either, and for neither."""

    method: str
    other: str
    wins: int
    losses: int
    ties: int

    @property
    def rate(self) -> float:
        """Fraction of votes for ``method``, a tie counting half."""
        return (self.wins + self.ties / 2) / (self.wins + self.losses + self.ties)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of ``rate`` (Wilson, JASA 1927)."""
        votes, rate = self.wins + self.losses + self.ties, self.rate
        centre = (rate + _Z_95**2 / (2 * votes)) / (1 + _Z_95**2 / votes)
        half = _Z_95 * math.sqrt(rate * (1 - rate) / votes + (_Z_95 / (2 * votes)) ** 2) / (1 + _Z_95**2 / votes)
        return max(0.0, centre - half), min(1.0, centre + half)


class BlindTest:
    """Writes the first method's result and each other method's, in pairs, as scenes are measured."""

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        if os.path.lexists(key_path(folder)) and not overwrite:
            raise already_exists(key_path(folder))
        self.folder = folder
        self._overwrite = overwrite
        self._pairs: list[BlindPair] = []

    def add(self, scene: Scene, results: Mapping[str, Result]) -> None:
        """Write a scene's pairs; raises OutputError where the disk refuses."""
        first, *others = results
        make_folder(self.folder / "pairs")
        for other in others:
            names = [first, other]
            secrets.SystemRandom().shuffle(names)
            pair = BlindPair(secrets.token_hex(6), scene.name, *names)
            self._pairs.append(pair)
            for side, name in zip("ab", names, strict=True):
                picture = shrink(to_eight_bits(results[name].picture), LONG_SIDE, LONG_SIDE)
                path = self.folder / "pairs" / f"{pair.id}-{side}.jpg"
                write_picture(path, picture, options=EncodeOptions(_QUALITY), overwrite=self._overwrite)

    def finish(self) -> None:
        """Write the page, which shows the pairs in random order, and the key; raises OutputError as `add` does."""
        secrets.SystemRandom().shuffle(self._pairs)
        page = Path(__file__).with_name("blind.html").read_text(encoding="utf-8")
        page = page.replace('["PAIRS"]', json.dumps([pair.id for pair in self._pairs]))
        key = json.dumps({"pairs": [asdict(pair) for pair in self._pairs]}, indent=1)
        make_folder(self.folder)
        for path, text in ((self.folder / "index.html", page), (key_path(self.folder), key)):
            write_atomically(path, [text.encode()], overwrite=self._overwrite)


def key_path(folder: Path) -> Path:
    """The file beside a blind test's folder that says which method made which picture."""
    return folder.absolute().with_name(f"{folder.absolute().name}.key.json")


def count_votes(folder: Path, answers: Sequence[Path]) -> list[Preference]:
    """Count the votes of one or more ``answers.json`` by the key of a blind test, one entry for two methods.

    Raises DataError where the key or a file of answers cannot be read, or they do not belong together.
    """

    def parse_key(text: Any) -> dict[str, BlindPair]:
        return {fields["id"]: BlindPair(**fields) for fields in text["pairs"]}

    pairs = _read(key_path(folder), parse_key, "the key of a blind test", "make the test again")
    methods = list(dict.fromkeys(name for pair in pairs.values() for name in sorted((pair.a, pair.b))))
    votes: dict[tuple[str, str], Counter[str]] = {}
    again = "download it from the page again"
    for path in answers:
        for identifier, vote in _read(path, lambda text: dict(text["answers"]), "a file of answers", again).items():
            if vote not in VOTES:
                raise DataError(f"{str(path)!r} holds answers other than {', '.join(VOTES)}; {again}")
            if identifier not in pairs:
                raise DataError(f"{str(path)!r} holds answers to another blind test than {str(folder)!r}")
            pair = pairs[identifier]
            first, second = sorted((pair.a, pair.b), key=methods.index)
            preferred = {"a": pair.a, "b": pair.b}.get(vote, "")
            votes.setdefault((first, second), Counter())[preferred] += 1
    return [Preference(*two, count[two[0]], count[two[1]], count[""]) for two, count in votes.items()]


def _read(path: Path, parse: Callable[[Any], Parsed], what: str, remedy: str) -> Parsed:
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"cannot read {what}, {str(path)!r}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{str(path)!r} is not {what}; {remedy}") from None


def preference_table(preferences: Sequence[Preference]) -> str:
    """A Markdown table of preferences, a row for two methods."""
    rows = []
    for one in preferences:
        low, high = one.interval
        rate = f"{one.rate:.0%} ({low:.0%} to {high:.0%})"
        rows.append([one.method, one.other, str(one.wins), str(one.losses), str(one.ties), rate])
    return markdown_table(["method", "compared with", "preferred", "other preferred", "equal", "rate (95 %)"], rows)


def main() -> None:
    """Make a test, or count the answers to one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="measure brackets and write the pairs and their page")
    make.add_argument("data", type=Path, help="folder of brackets")
    make.add_argument("folder", type=Path)
    make.add_argument("--model", action="append", required=True, help="name or weights file; may be repeated")
    make.add_argument("--overwrite", action="store_true")
    count = commands.add_parser("count", help="count votes")
    count.add_argument("folder", type=Path)
    count.add_argument("answers", type=Path, nargs="+")
    options = parser.parse_args()
    if options.command == "count":
        print(preference_table(count_votes(options.folder, options.answers)), end="")
        return
    test = BlindTest(options.folder, overwrite=options.overwrite)
    methods = model_methods({name: Fuser(name) for name in options.model}, whole_bracket=False)
    _, skipped = evaluate(options.data, methods | baseline_methods(), watch=test.add)
    test.finish()
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    print(f"{options.folder / 'index.html'}: judge the pairs there")


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        raise SystemExit(f"blind: {error}") from None
