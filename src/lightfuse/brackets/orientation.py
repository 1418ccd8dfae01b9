"""Frames of a bracket turned alike where one has another orientation tag, as of a camera that points down."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lightfuse.brackets.bracket import Array
from lightfuse.brackets.similarity import similarity
from lightfuse.images.pixels import turn_upright

_INVERSE = {6: 8, 8: 6}  # Of an orientation; the others undo themselves.


def turned_alike(pictures: Sequence[Array], orientations: Sequence[int]) -> tuple[list[Array], list[int]]:
    """Frames whose orientation tags differ from most, turned as those are where that makes them show the same scene.

    Args:
        pictures: RGB, H×W×3, each turned upright by its own tag.
        orientations: the EXIF orientations that their files told, 1 to 8.

    Returns:
        The pictures, and the positions of those that were turned.
    """
    common = Counter(orientations).most_common(1)[0][0]
    turned, positions = list(pictures), list[int]()
    model = orientations.index(common)
    for position, own in enumerate(orientations):
        if own == common:
            continue
        as_stored = turn_upright(pictures[position], _INVERSE.get(own, own))
        other = np.ascontiguousarray(turn_upright(as_stored, common))
        scores = [_likeness(pictures[model], picture) for picture in (pictures[position], other)]
        if scores[1] > scores[0]:
            turned[position] = other
            positions.append(position)
    return turned, positions


def _likeness(first: Array, second: Array) -> float:
    return (similarity(first, second) or 0.0) if first.shape == second.shape else -1.0
