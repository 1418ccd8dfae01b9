"""Which of the two frames speaks in a region: the one whose word the other can be told from with the least harm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lightfuse.deghost.mapping import BLACK, WHITE, IntensityMap, lookup
from lightfuse.deghost.regions import Region
from lightfuse.deghost.working import Floats

Frame = Literal["under", "over"]

_BLANK, _HIDDEN, _CUT = 0.25, 0.4, 0.06
"""The harm of a pixel of which the speaking frame shows nothing (clipped) while the other shows something else."""
_NOISE = 0.7 / 255
"""Noise of under, after cleaning, in its own values: an 8-bit photograph's; the mapping's slope multiplies it."""
_TOLERANCE = 4 / 255
_ROUNDED, _BLIND = 2.5 / 255, 0.15
"""Under is blind where this much rounding of it is worth that much in over."""
_TOO_MUCH, _CLEARLY = 0.06, 0.5


@dataclass(frozen=True)
class Harm:
    """What a region's pixels suffer on average, in values of over: from each frame's speaking, and from the ghost.

    ``cut_under`` and ``cut_over``: what threatens besides where the thing reaches out of its region into what a frame
    cannot tell apart: that frame's word would cut it off there.
    """

    under: float
    over: float
    cut_under: float
    cut_over: float
    ghost: float

    def of(self, speaker: Frame) -> float:
        """The harm done when ``speaker`` speaks."""
        return self.under if speaker == "under" else self.over

    def feared(self, speaker: Frame) -> float:
        """The harm and what threatens besides."""
        return self.under + self.cut_under if speaker == "under" else self.over + self.cut_over


def harm(region: Region, under: Floats, over: Floats, maps: Sequence[IntensityMap]) -> Harm:
    """Weigh both ways for one region of the reduced frames (H×W×3 in [0, 1])."""
    box = (region.rows, region.columns)
    noise, ghost = (np.zeros(region.soft.shape, np.float32) for _ in range(2))
    blank, hidden = (np.zeros(region.soft.shape, np.bool_) for _ in range(2))
    for channel, mapping in enumerate(maps):
        u, o = under[box][..., channel], over[box][..., channel]
        noise = np.maximum(noise, lookup(mapping.slope(mapping.under), u))
        ghost = np.maximum(ghost, np.abs(lookup(mapping.over, u) - o))
        darkest, whitest = mapping.forward(np.array(BLACK + _TOLERANCE)), mapping.backward(np.array(WHITE))
        blank |= (u <= BLACK) & (o > darkest + _TOLERANCE)
        hidden |= (o >= WHITE) & (u < whitest - _TOLERANCE)
    mine = region.core
    rim = (region.soft > 0) & ~mine
    unclear = np.minimum(noise * np.float32(_ROUNDED / _BLIND), 1)
    clipped = np.asarray((over[box] >= WHITE).any(-1))
    return Harm(
        under=float(np.maximum(np.minimum(noise * np.float32(_NOISE), _BLANK), _BLANK * blank)[mine].mean()),
        over=_HIDDEN * float(hidden[mine].mean()),
        cut_under=_CUT * float(unclear[rim].mean()),
        cut_over=_CUT * float(clipped[rim].mean()),
        ghost=float(ghost[mine].mean()),
    )


def choose_speakers(
    regions: Sequence[Region], harms: Sequence[Harm], base: Frame | None, *, override: bool = True
) -> list[Frame]:
    """One speaker a region. All follow one frame, so that no thing shows twice, but with ``override`` where it would
    leave a hole.

    That frame is ``base`` where given, else the one from which less harm is feared over all regions.
    """
    first = base
    if first is None:
        first = "over" if _feared(regions, harms, "over") <= _feared(regions, harms, "under") else "under"
    if not override:
        return [first] * len(regions)
    other: Frame = "over" if first == "under" else "under"
    return [other if h.of(first) > _TOO_MUCH and h.feared(other) < h.of(first) * _CLEARLY else first for h in harms]


def _feared(regions: Sequence[Region], harms: Sequence[Harm], frame: Frame) -> float:
    return sum(h.feared(frame) * float(r.core.sum()) for r, h in zip(regions, harms, strict=True))
