"""Brackets by folder: the pictures of each folder are one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lightfuse.brackets.grouping.shots import LeftOut, Shot, SortedBracket


def group_by_folder(top: Path, folders: Mapping[Path, Sequence[Path]]) -> tuple[list[SortedBracket], list[LeftOut]]:
    """Make each folder's pictures one bracket, called like the folder and placed where the folder lies."""
    brackets, left_out = [], []
    for place, paths in folders.items():
        if len(paths) < 2:
            left_out.append(LeftOut(paths[0], "it is the only exposure in its folder"))
            continue
        scene = place.name if place != top else top.resolve().name or "bracket"
        brackets.append(SortedBracket(scene, place.relative_to(top).parent, tuple(Shot(path) for path in paths)))
    return brackets, left_out
