"""Types of the compiled core (module.cpp)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]

def instruction_sets() -> list[str]:
    """Names of the instruction sets this processor can run, best first."""

def measure(picture: Picture, threads: int, isa: str = "") -> tuple[float, float, float, bool]:
    """Lowest, highest and mean value of a picture in its own units, and whether all values are finite."""

def thumbnail(picture: Picture, out: NDArray[np.uint16]) -> None:
    """Means of a picture's cells, 65535 for white; of cells of many rows some are read.

    ``out``: 3×h×w, C-contiguous; cells cover the picture, and where its sides are no multiples share a pixel.
    """

def align_frames(base: Picture, frames: Sequence[Picture], always: bool) -> list[tuple[list[float], float, int]]:
    """Register frames on one side of the base in brightness, from the nearest outwards.

    For each: the homography from the base's pixels (nine numbers, row by row), by how many pixels it moves the corner
    that moves most (0: not moved), and why it is not moved (0: no reason to report, 1: too little in common,
    2: implausible, 3: already aligned, by a quick test without registration).
    """

def warp(frame: Picture, warp: Sequence[float], out: Picture, threads: int) -> None:
    """Resample a frame in the base's geometry, by cubic interpolation mirrored at the frame's edges.

    ``warp``: the homography from pixels of ``out``, of the frame's dtype and any size, to the frame's, row by row.
    ``out`` may be the frame itself.
    """

def fill_border(shown: Picture, base: Picture, warp: Sequence[float]) -> None:
    """Fill, in place, what a warped frame does not show from the base of its size and dtype, in the frame's tones.

    The seam along the frame's edge is soft. Where the base is clipped it cannot predict the frame: there the mirrored
    frame stays, as far as the base does not contradict it. ``warp``: the homography from pixels of ``base`` to the
    frame's, row by row.
    """

class Ghosts:
    """Two aligned frames of one size and dtype, under and over, and what moved between them."""

    def __init__(self, under: Picture, over: Picture, threads: int) -> None: ...
    def are_none(self) -> bool:
        """Whether the frames agree wherever they can be compared: a quick test, on a part of their rows."""

    def search(self, base: str, always: bool) -> tuple[str, bool, bool, float]:
        """Find regions of motion and their source exposures; ``base``: "under", "over", or "" for either.

        Returns why nothing is decided, or "", whether under and over are to be changed, and the mean of the masks in
        [0, 1]. Nothing is decided where a frame holds values that are "not finite", where the frames are
        "not comparable", as they share too few values, or where what moved is "too large".
        """

    def replace(self, source: str, out: Picture, mask: NDArray[np.uint8]) -> None:
        """Change ``out``, a copy of the frame that is not the source, and raise the mask (H×W, C-contiguous)."""

class PaperModel:
    """The paper's model, ready to fuse."""

    def __init__(self, members: Mapping[str, int | NDArray[np.float32]]) -> None: ...
    def fuse(self, first: Picture, second: Picture, out: Picture, threads: int, isa: str = "") -> None: ...

class ContextModel:
    """A context model (small, base), ready to fuse."""

    def __init__(self, members: Mapping[str, int | NDArray[np.float32]]) -> None: ...
    def fuse(
        self,
        first: Picture,
        second: Picture,
        out: Picture | None,
        threads: int,
        isa: str = "",
        strength: float = -1.0,
        summary: NDArray[np.float32] | None = None,
        grid: NDArray[np.float32] | None = None,
    ) -> tuple[float, NDArray[np.float32]] | tuple[float, NDArray[np.float32], NDArray[np.float32]]:
        """Fuse into ``out`` in a context that is given or found; return its strength and summary, without out the grid.

        Raises ValueError where a context has not this model's shape.
        """
