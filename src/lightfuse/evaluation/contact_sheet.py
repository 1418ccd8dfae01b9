"""Contact sheets: for each scene a picture of its inputs, reference, every method's result and its error map."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightfuse.evaluation.evaluate import Result, Scene
from lightfuse.images import EncodeOptions, write_picture
from lightfuse.metrics.colour import delta_e_2000, rgb_to_lab
from lightfuse.metrics.pictures import Picture, to_eight_bits
from lightfuse.sheets import Cell, Pixels, colour_bar, framed, heading, row_of, rows_of, shrink, stack
from lightfuse.system import make_folder

LARGEST_ERROR = 25.0  # ΔE2000 from which on an error map is at its brightest

# Pixels that pictures may be wide and high on a scene's sheet and in the index, and the least width of a column.
_CELL, _INDEX_CELL, _NARROWEST_COLUMN = 480, 200, 380
_INDEX_LETTER = 0.4
_MOST_COLUMNS = 4
_MAIN_MEASURES = ("PSNR", "MEF-SSIM")
_SCENES_A_PAGE = 60
_QUALITY = 92


class ContactSheets:
    """Writes ``scenes/NAME.jpg`` to a folder as scenes are measured, and at the end ``index.jpg`` of them all."""

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        self.folder = folder
        self._overwrite = overwrite
        self._rows: dict[str, Pixels] = {}

    def add(self, scene: Scene, results: Mapping[str, Result]) -> None:
        """Write a scene's sheet and keep its row of the index; raises OutputError where the file cannot be written."""
        self._write(self.folder / "scenes" / f"{scene.name}.jpg", sheet(scene, results))
        self._rows[scene.name] = index_row(scene, results)

    def finish(self, worst: Mapping[str, Sequence[str]] | None = None) -> None:
        """Write the index, ``index-2.jpg`` and so on where the scenes are many, and ``worst-METHOD.jpg``.

        ``worst`` names the scenes of these by method, in their order. Raises OutputError as `add` does.
        """
        rows = list(self._rows.values())
        for first in range(0, len(rows), _SCENES_A_PAGE):
            name = f"index-{first // _SCENES_A_PAGE + 1}.jpg" if first else "index.jpg"
            self._write(self.folder / name, stack(rows[first : first + _SCENES_A_PAGE]))
        for method, scenes in (worst or {}).items():
            name = re.sub(r"[^\w.-]+", "-", method).strip("-")
            self._write(self.folder / f"worst-{name}.jpg", stack([self._rows[scene] for scene in scenes]))

    def _write(self, path: Path, picture: Pixels) -> None:
        make_folder(path.parent)
        write_picture(path, picture, options=EncodeOptions(_QUALITY), overwrite=self._overwrite)


def sheet(scene: Scene, results: Mapping[str, Result]) -> Pixels:
    """A scene's contact sheet: inputs and reference, then results with their figures, each above its error map."""
    inputs = _inputs(scene, _CELL)
    methods = []
    for name, result in results.items():
        picture = _small(result.picture, _CELL)
        if scene.reference is not None:  # Errors of the pictures as shown: after shrinking, which averages noise.
            picture = stack([picture, error_map(picture, _small(scene.reference, _CELL))], gap=6)
        methods.append(Cell(picture, name, tuple(figure(*score) for score in result.scores.items())))
    width = max(_NARROWEST_COLUMN, inputs[0].picture.shape[1])
    fewest_rows = max(1, math.ceil(len(methods) / _MOST_COLUMNS))
    columns = max(len(inputs), math.ceil(len(methods) / fewest_rows))
    head = f"{scene.name}: {len(scene.exposures)} exposures of {scene.under.shape[1]}×{scene.under.shape[0]} pixels"
    parts = [heading(head, columns * width), row_of(inputs, width), *rows_of(methods, columns, width)]
    if scene.reference is not None:
        colours = _error_colours(np.linspace(0, 1, 256)[None])[0]
        parts.append(colour_bar(colours, "error maps: ΔE2000 of 0", f"{LARGEST_ERROR:g} or more"))
    return framed(stack(parts, gap=16))


def index_row(scene: Scene, results: Mapping[str, Result]) -> Pixels:
    """A scene in one row: small inputs, reference and results, these with their two main figures."""
    cells = _inputs(scene, _INDEX_CELL)
    for name, result in results.items():
        figures = tuple(figure(*score) for score in result.scores.items() if score[0] in _MAIN_MEASURES)
        cells.append(Cell(_small(result.picture, _INDEX_CELL), name, figures))
    row = row_of(cells, _INDEX_CELL, _INDEX_LETTER)
    return framed(stack([heading(scene.name, row.shape[1]), row]))


def error_map(result: Pixels, reference: Pixels) -> Pixels:
    """ΔE2000 between two pictures of one size, H×W×3, from black (0) over red to light yellow (`LARGEST_ERROR`)."""
    return _error_colours(delta_e_2000(rgb_to_lab(result), rgb_to_lab(reference)) / LARGEST_ERROR)


def figure(measure: str, score: float) -> str:
    """A measure and its score, such as ``PSNR 23.46``; a score that is not defined is a dash."""
    if math.isnan(score):
        return f"{measure} –"
    return f"{measure} {score:.{3 if 'SSIM' in measure else 2}f}"


def _inputs(scene: Scene, side: int) -> list[Cell]:
    pictures = {"under": scene.under, "over": scene.over, "reference": scene.reference}
    return [Cell(_small(picture, side), name) for name, picture in pictures.items() if picture is not None]


def _small(picture: Picture, side: int) -> Pixels:
    return shrink(to_eight_bits(picture), side, side)


def _error_colours(errors: NDArray[np.float64]) -> Pixels:
    """Colours of errors in [0, 1] and above, H×W to H×W×3."""
    import cv2

    levels = np.rint(255 * np.clip(errors, 0, 1)).astype(np.uint8)
    colours: Pixels = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return colours
