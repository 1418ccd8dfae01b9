"""Whether a frame is better moved: decided on evidence that the movement was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.homography import Matrix, corner_distances, is_plausible, to_pixels
from lightfuse.align.pair import Agreement

Array = NDArray[Any]
Mode = Literal["auto", "always"]

_LEAST_MOVE = {"auto": 0.3, "always": 0.05}  # pixels at the corner that moves most; less isn't worth the blur
_LARGEST_DOUBT = {"auto": 0.5, "always": 2.0}  # of the movement: how far apart two halves of the evidence may see it
_LEAST_TILES = 6.0
_LEAST_AGREEMENT = 0.1
_LEAST_GAIN = 0.008
_SURE = 4.0  # standard errors
_WORSE = 0.03  # a tile that loses more got worse
_MOST_WORSE = 0.2


@dataclass(frozen=True)
class Evidence:
    """The agreement of one pair of frames, tile by tile, without and with the movement."""

    before: Agreement
    after: Agreement

    @property
    def weight(self) -> Array:
        """What each tile has to say: what shows both ways, capped so that a few strong tiles don't outvote the rest."""
        weight = np.minimum(self.before.weight, self.after.weight)
        strong = weight[weight > weight.max(initial=0) / 2]
        return np.minimum(weight, np.median(strong)) if strong.size else weight


@dataclass(frozen=True)
class Verdict:
    """Whether to move a frame, how well it agrees before and after, and, if it stays, what a person should know.

    ``reason`` is empty for a frame that was moved, and for one that lies right as it is.
    """

    moved: bool
    before: float
    after: float
    reason: str = ""


@dataclass(frozen=True)
class _Gain:
    """What moving gains, over the tiles of all evidence. ``tiles`` is the number of equal ones they are worth."""

    before: float
    after: float
    error: float
    tiles: float
    worse: float

    @property
    def mean(self) -> float:
        return self.after - self.before


def judge(
    warp: Matrix,
    halves: tuple[Matrix, Matrix],
    evidence: Sequence[Evidence],
    size: tuple[int, int],
    mode: Mode,
) -> Verdict:
    """Weigh moving a frame of ``size`` (width, height) by ``warp``.

    ``halves`` are the warps that each half of the tiles would have alone: they say how certain the place is.
    All warps are in centred coordinates.
    """
    identity = np.eye(3)
    pixels, first, second = (to_pixels(w, *size) for w in (warp, *halves))
    move = float(corner_distances(pixels, identity, *size).max())
    doubt = float(corner_distances(first, second, *size).max())
    gain = _gain(evidence)
    stays = Verdict(False, gain.before, gain.before)
    if gain.tiles < _LEAST_TILES or gain.after < _LEAST_AGREEMENT:
        return Verdict(False, gain.before, gain.before, "too little can be seen in common with the other exposures")
    if move < _LEAST_MOVE[mode]:
        return stays
    if not is_plausible(pixels, *size):
        return Verdict(False, gain.before, gain.before, "no likely movement of a camera lays it on the others")
    if doubt > _LARGEST_DOUBT[mode] * move or gain.mean < 0:
        return stays
    if mode == "auto" and (gain.mean < max(_LEAST_GAIN, _SURE * gain.error) or gain.worse > _MOST_WORSE):
        return stays
    return Verdict(True, gain.before, gain.after)


def _gain(evidence: Sequence[Evidence]) -> _Gain:
    before = np.concatenate([e.before.correlation for e in evidence])
    after = np.concatenate([e.after.correlation for e in evidence])
    weight = np.concatenate([e.weight for e in evidence])
    if not weight.any():
        return _Gain(0.0, 0.0, 0.0, 0.0, 0.0)
    weight = weight / weight.sum()
    tiles = float(1 / np.square(weight).sum())
    gains = after - before
    variance = float(weight @ np.square(gains - weight @ gains))
    return _Gain(
        before=float(weight @ before),
        after=float(weight @ after),
        error=(variance / max(tiles - 1, 1)) ** 0.5,
        tiles=tiles,
        worse=float(weight[gains < -_WORSE].sum()),
    )
