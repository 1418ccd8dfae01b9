"""Every frame's place against the base, found through the exposures between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.homography import MOVEMENTS, Matrix, to_pixels
from lightfuse.align.judge import Evidence, Mode, Verdict, judge
from lightfuse.align.matching import codes_of
from lightfuse.align.pair import Pair, register
from lightfuse.align.refine import Prior, Refined, hands

Array = NDArray[Any]

_LINKED = 0.15  # agreement


@dataclass(frozen=True)
class Place:
    """Where a frame lies: its warp in pixels (base to frame; the identity if it stays) and the verdict on it."""

    warp: Matrix
    verdict: Verdict


def place_frames(greens: Sequence[Array], base: int, mode: Mode) -> list[Place]:
    """Find each frame's place from the green channels of all (H×W, of one size and dtype).

    Neighbours in brightness have most in common: each frame is first laid on its neighbour on the base's side. What
    that says is the belief with which it is then compared with the base itself.
    """
    order = sorted(range(len(greens)), key=lambda i: float(greens[i][::4, ::4].mean()))
    at = order.index(base)
    places = {base: Place(np.eye(3), Verdict(False, 1.0, 1.0))}
    for side in (order[at + 1 :], order[:at][::-1]):
        places |= _placed_outwards(greens, base, side, mode)
    return [places[i] for i in range(len(greens))]


def _placed_outwards(greens: Sequence[Array], base: int, side: Sequence[int], mode: Mode) -> dict[int, Place]:
    """Places of the frames on one side of the base, from the nearest outwards; holds the codes of three at a time."""
    height, width = greens[base].shape
    places: dict[int, Place] = {}
    base_codes = nearer = codes_of(greens[base])
    nearer_warp: Matrix = np.eye(3)
    covariance: Matrix = np.zeros((MOVEMENTS, MOVEMENTS))
    for index in side:
        belief, link = hands(), None
        codes = codes_of(greens[index])
        pair, found = register(nearer, codes)
        linked = pair.agreement(found.warp).mean >= _LINKED
        if nearer is not base_codes:
            link = pair, np.linalg.inv(nearer_warp)
            so_far = covariance + np.linalg.inv(found.information)
            belief = Prior(found.warp @ nearer_warp, np.linalg.inv(so_far))
            pair, found = register(base_codes, codes, belief)
        places[index] = _judged(pair, found, belief, link, (width, height), mode)
        if linked:  # A frame that shows nothing is no stepping stone.
            nearer, nearer_warp, covariance = codes, found.warp, np.linalg.inv(found.information)
    return places


def _judged(
    pair: Pair,
    found: Refined,
    belief: Prior,
    link: tuple[Pair, Matrix] | None,
    size: tuple[int, int],
    mode: Mode,
) -> Place:
    """Judge a place by what each half of the tiles says of the other half's, and by the neighbour's agreement.

    ``link`` is the pair with the neighbour, and the warp from the neighbour to the base.
    """
    odd, even = pair.half(found, belief, odd=True), pair.half(found, belief, odd=False)
    evidence = [
        Evidence(pair.agreement(np.eye(3), odd=True), pair.agreement(even, odd=True)),
        Evidence(pair.agreement(np.eye(3), odd=False), pair.agreement(odd, odd=False)),
    ]
    if link is not None:
        neighbours, to_base = link
        evidence.append(Evidence(neighbours.agreement(to_base), neighbours.agreement(found.warp @ to_base)))
    verdict = judge(found.warp, (odd, even), evidence, size, mode)
    return Place(to_pixels(found.warp, *size) if verdict.moved else np.eye(3), verdict)
