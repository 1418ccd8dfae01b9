"""Seams of a panorama and steadiness of a timelapse: python -m benchmarks.sets [--brackets FOLDER] [--frames 60].

Synthetic: a panorama of five tiles that overlap by half, and a timelapse of brackets in which a ball rolls and a dark
figure walks through the room; sensor noise is drawn anew for every exposure. Real: every bracket below a folder, its
frames reduced to 1,024 pixels and cut into three tiles that overlap by half.

Each is fused by ``lightfuse batch`` with --no-match, as by default and with --match, and by enfuse where that is
installed. Figures are levels of 255. A seam is the difference between neighbouring tiles where they overlap, a step the
change from one picture of the timelapse to the next where nothing ever moves: of the mean level, and of the worst block
of 32 pixels a side.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from lightfuse.batch.manifest import MANIFEST_NAME
from lightfuse.brackets.bracket import brightness, darkest_first
from lightfuse.brackets.files import find_brackets
from lightfuse.images import read_picture
from lightfuse.images.pixels import to_depth
from lightfuse.sheets import shrink
from tools.synthetic import Camera, Scene, moving_object

Array = NDArray[Any]
Measure = Callable[[Sequence[Array]], tuple[float, float, float]]

_EVS = (-3.0, 0.0, 3.0)
_BLOCK = 32
_SIDE = 1024
_START = datetime(2026, 6, 21, 12)
_MODEL, _EXIF_IFD, _TAKEN, _EXPOSURE_TIME, _F_NUMBER, _ISO = 0x0110, 0x8769, 0x9003, 0x829A, 0x829D, 0x8827
_METHODS: dict[str, tuple[str, ...]] = {"--no-match": ("--no-match",), "default": (), "--match": ("--match",)}


def main() -> None:
    """Measure and print the tables."""
    arguments = _arguments()
    print(
        "| set | method | recognised | largest seam or step: mean level | worst block | deviation of the mean level |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    if arguments.brackets is None:
        _print_rows("panorama of 5 tiles", _panorama(arguments.width), _seams, 10.0)
        static, brackets = _timelapse(arguments.width, arguments.frames)
        _print_rows(f"timelapse of {arguments.frames}", brackets, lambda made: _steps(made, static), 60.0)
    else:
        for name, tiles in _cut(arguments.brackets):
            _print_rows(name, tiles, _seams, 10.0)


# ---- The sets: brackets of exposures ---------------------------------------------------------------------------------


def _panorama(width: int) -> Iterator[list[Array]]:
    light = Scene(0).render(3 * width, width * 2 // 3)
    for tile in range(5):
        part = light[:, tile * width // 2 : tile * width // 2 + width]
        yield [Camera().photograph(part, ev, seed=10 * tile + step) for step, ev in enumerate(_EVS)]


def _timelapse(width: int, count: int) -> tuple[Array, Iterator[list[Array]]]:
    """Where nothing ever moves, H×W, and the brackets."""
    still = Scene(0).render(width, width * 2 // 3)
    frames = [_with_passers_by(still, number / max(1, count - 1)) for number in range(count)]
    static = ~np.logical_or.reduce([mask for _, mask in frames])

    def brackets() -> Iterator[list[Array]]:
        for number, (light, _) in enumerate(frames):
            yield [Camera().photograph(light, ev, seed=10 * number + step) for step, ev in enumerate(_EVS)]

    return static, brackets()


def _with_passers_by(light: Array, time: float) -> tuple[Array, Array]:
    """The light with a ball and a figure at a time from 0 to 1 of their ways, and where they are."""
    moved, mask = moving_object(light, time)
    height, width = mask.shape
    left = round((1.3 * time - 0.15) * width)
    place = np.s_[round(0.4 * height) :, max(0, left) : max(0, left + width // 6)]
    moved, mask = moved.copy(), mask.copy()
    moved[place], mask[place] = 0.01, True
    return moved, mask


def _cut(folder: Path) -> Iterator[tuple[str, list[list[Array]]]]:
    for found in find_brackets(folder):
        pictures = [to_depth(shrink(read_picture(path).pixels, _SIDE, _SIDE), 8) for path in found.exposures]
        if len({picture.shape for picture in pictures}) > 1:
            continue
        ordered = [pictures[i] for i in darkest_first([brightness(picture) for picture in pictures])]
        half = ordered[0].shape[1] // 2
        lefts = (0, half // 2, half)
        yield found.name, [[np.ascontiguousarray(p[:, left : left + half]) for p in ordered] for left in lefts]


# ---- Fusing and measuring --------------------------------------------------------------------------------------------


def _print_rows(name: str, brackets: Iterable[list[Array]], measure: Measure, pause: float) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        inputs = [_write(folder / "in", number, exposures, pause) for number, exposures in enumerate(brackets)]
        for method, options in _METHODS.items():
            made, recognised = _fused_by_us(folder / "in", folder / method, options)
            _print_row(name, method, "yes" if recognised else "no", made, measure)
        if shutil.which("enfuse"):
            _print_row(name, "enfuse", "", _fused_by_enfuse(inputs, folder), measure)


def _write(folder: Path, number: int, exposures: Sequence[Array], pause: float) -> list[Path]:
    """Write a bracket as PNG files with EXIF, taken ``pause`` seconds after the one before."""
    folder.mkdir(exist_ok=True)
    paths = []
    for step, pixels in enumerate(exposures):
        exif = Image.Exif()
        exif[_MODEL] = "Synthetic"
        tags = exif.get_ifd(_EXIF_IFD)
        tags[_TAKEN] = (_START + timedelta(seconds=number * pause + step)).strftime("%Y:%m:%d %H:%M:%S")
        tags[_EXPOSURE_TIME] = IFDRational(Fraction(1, 500) * 4**step)
        tags[_F_NUMBER], tags[_ISO] = IFDRational(8), 100
        paths.append(folder / f"IMG_{number:03d}{step}.png")
        Image.fromarray(pixels).save(paths[-1], exif=exif, compress_level=1)
    return paths


def _fused_by_us(folder: Path, out: Path, options: Sequence[str]) -> tuple[list[Array], bool]:
    command = [sys.executable, "-m", "lightfuse", "batch", str(folder), "-o", str(out), "--format", "png", "-q"]
    subprocess.run([*command, *options], check=True)
    recognised = [json.loads(line)["set"] for line in (out / MANIFEST_NAME).read_text().splitlines()]
    return _pictures(sorted(out.glob("*.png"))), all(recognised)


def _fused_by_enfuse(brackets: Sequence[Sequence[Path]], folder: Path) -> list[Array]:
    made = []
    for number, paths in enumerate(brackets):
        made.append(folder / f"enfuse{number:03d}.tif")
        subprocess.run(["enfuse", "-o", str(made[-1]), *map(str, paths)], check=True, capture_output=True)
    return _pictures(made)


def _pictures(paths: Sequence[Path]) -> list[Array]:
    return [to_depth(read_picture(path).pixels, 8).astype(np.float32) for path in paths]


def _seams(tiles: Sequence[Array]) -> tuple[float, float, float]:
    half = tiles[0].shape[1] // 2
    differences = [b[:, :half] - a[:, -half:] for a, b in pairwise(tiles)]
    levels = np.array([difference.mean() for difference in differences])
    everywhere = np.ones(differences[0].shape[:2], np.bool_)
    return float(np.abs(levels).max()), max(_worst(each, everywhere) for each in differences), float(levels.std())


def _steps(pictures: Sequence[Array], static: Array) -> tuple[float, float, float]:
    levels = np.array([picture[static].mean() for picture in pictures])
    worst = max(_worst(b - a, static) for a, b in pairwise(pictures))
    return float(np.abs(np.diff(levels)).max()), worst, float(levels.std())


def _worst(difference: Array, mask: Array) -> float:
    """The largest mean difference of a block that lies within the mask."""
    inside = cv2.blur(mask.astype(np.float32), (_BLOCK, _BLOCK)) > 1 - 1e-6
    return float(np.abs(cv2.blur(difference.mean(axis=2), (_BLOCK, _BLOCK)))[inside].max(initial=0))


def _print_row(name: str, method: str, recognised: str, made: Sequence[Array], measure: Measure) -> None:
    figures = " | ".join(f"{figure:.2f}" for figure in measure(made))
    print(f"| {name} | {method} | {recognised} | {figures} |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Seams of a panorama and steadiness of a timelapse.")
    parser.add_argument("--brackets", type=Path, help="a folder of real brackets, to be cut into tiles instead")
    parser.add_argument("--width", type=int, default=600, help="of a synthetic tile or frame, in pixels")
    parser.add_argument("--frames", type=int, default=60, help="of the timelapse")
    return parser.parse_args()


if __name__ == "__main__":
    main()
