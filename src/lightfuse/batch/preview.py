"""A batch seen before anything is fused: one contact sheet of its brackets, and of the pictures in none."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lightfuse.brackets.exif_groups import Shot
from lightfuse.brackets.grouping import Grouping
from lightfuse.brackets.reading import read_small
from lightfuse.errors import OutputError, PictureError
from lightfuse.images import check_output, probe_picture, write_picture
from lightfuse.images.pixels import to_depth
from lightfuse.sheets import Cell, Pixels, framed, heading, row_of, shrink, side_by_side, stack
from lightfuse.system import display_name, make_folder, usable_cores

_CELL, _LETTER, _GAP = 160, 0.4, 12  # pixels a picture is wide and high at most; OpenCV's font scale; pixels
_TALLEST = 12_000  # pixels of a column of brackets


def write_preview(path: Path, grouping: Grouping, folder: Path, out: Path, *, overwrite: bool) -> None:
    """Write the contact sheet of a grouping.

    Raises:
        OutputError: it cannot be written, or would lie among the pictures of ``folder`` (but not in ``out``).
    """
    if folder.resolve() in path.resolve().parents and out.resolve() not in path.resolve().parents:
        raise OutputError(f"{display_name(path)} would lie among the pictures; give a place outside their folder")
    make_folder(path.parent)
    check_output(path, overwrite=overwrite)
    write_picture(path, preview_sheet(grouping), overwrite=overwrite)


def preview_sheet(grouping: Grouping) -> Pixels:
    """Brackets below each other, a row each, with their frames' EV over the first; what is left out, with the reason.

    The sheet is RGB, uint8; a picture that cannot be read is grey.
    """
    rows = [(str(each.folder / each.scene), [(shot.path, "") for shot in each.shots]) for each in grouping.brackets]
    rows += [("left out", [(left.path, left.reason)]) for left in grouping.left_out]
    paths = [path for _, cells in rows for path, _ in cells]
    with ThreadPoolExecutor(usable_cores()) as pool:
        found = dict(zip(paths, pool.map(_small, paths), strict=True))
    columns: list[list[Pixels]] = [[]]
    for name, frames in rows:
        first = found[frames[0][0]][1]
        cells = []
        for path, reason in frames:
            small, ev = found[path]
            words = reason or ("" if ev is None or first is None else f"{ev - first:+.1f} EV")
            cells.append(Cell(small, path.name, tuple(words.split(" "))))
        row = row_of(cells, _CELL, _LETTER)
        if sum(len(part) + _GAP for part in columns[-1]) > _TALLEST:
            columns.append([])
        columns[-1].append(stack([heading(name, row.shape[1]), row]))
    return framed(side_by_side([stack(column, gap=_GAP) for column in columns], gap=2 * _GAP))


def _small(path: Path) -> tuple[Pixels, float | None]:
    """A picture, upright and as small as its cell; its EV."""
    ev = None
    try:
        ev = Shot(path, probe_picture(path).shot).ev
        return to_depth(shrink(read_small(path, _CELL), _CELL, _CELL), 8), ev
    except PictureError:
        return np.full((_CELL * 2 // 3, _CELL, 3), 90, np.uint8), ev
