"""Finding brackets in a folder, in either of two layouts.

- One folder a scene, anywhere below: pictures of different exposure, and maybe ``reference.*`` beside them.
- SICE as published: numbered folders beside a folder ``Label`` that holds one reference a scene, of the same number.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from lightfuse.brackets.names import natural_key
from lightfuse.errors import DataError
from lightfuse.images import INPUT_SUFFIXES

LABEL_FOLDER = "Label"
REFERENCE_STEM = "reference"


@dataclass(frozen=True)
class FoundBracket:
    """The files of one scene, not yet opened: its exposures in name order and its reference picture, if any."""

    name: str
    exposures: tuple[Path, ...]
    reference: Path | None


def find_brackets(folder: Path) -> list[FoundBracket]:
    """Every folder at or below ``folder`` that holds at least one picture, as a bracket, in natural name order.

    Raises:
        DataError: the folder is missing or holds no picture at all.
    """
    if not folder.is_dir():
        raise DataError(f"{str(folder)!r} is not a folder; give the folder that holds the brackets")
    found = [_bracket(Path(place), folder, files) for place, _, files in os.walk(folder)]
    brackets = sorted((b for b in found if b is not None), key=lambda b: natural_key(b.name))
    if not brackets:
        raise DataError(f"{str(folder)!r} holds no pictures ({', '.join(sorted(INPUT_SUFFIXES))}); give another folder")
    return brackets


def _bracket(place: Path, root: Path, files: list[str]) -> FoundBracket | None:
    pictures = [place / name for name in sorted(files, key=natural_key) if _is_picture(name)]
    if not pictures or place.name == LABEL_FOLDER:
        return None
    beside = [p for p in pictures if p.stem.lower() == REFERENCE_STEM]
    label = _pictures_named(place.parent / LABEL_FOLDER, place.name)
    exposures = tuple(p for p in pictures if p not in beside)
    name = place.relative_to(root).as_posix() if place != root else place.resolve().name
    return FoundBracket(name, exposures, next(iter(beside + label), None))


def _pictures_named(folder: Path, stem: str) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.stem == stem and _is_picture(p.name))


def _is_picture(name: str) -> bool:
    """Whether its suffix says so; hidden files are none (macOS leaves a ``._a.jpg`` beside ``a.jpg`` on some disks)."""
    return not name.startswith(".") and Path(name).suffix.lower() in INPUT_SUFFIXES
