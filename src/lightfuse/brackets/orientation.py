"""Frames of a bracket turned alike where one has another orientation tag, as of a camera that points down."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lightfuse.brackets.bracket import Array
from lightfuse.brackets.similarity import similarity
from lightfuse.images import Picture
from lightfuse.images.pixels import turn_upright

_INVERSE = {6: 8, 8: 6}  # Of an orientation; the others undo themselves.


def turned_alike(pictures: Sequence[Picture], tags: Sequence[int]) -> list[Picture]:
    """Pictures whose orientation tags differ from most, turned as those are where they then show the same scene.

    Args:
        pictures: each turned upright by its own tag.
        tags: the EXIF orientations that their files told, 1 to 8.
    """
    common = Counter(tags).most_common(1)[0][0]
    model = pictures[tags.index(common)].pixels
    turned = list(pictures)
    for at, (picture, own) in enumerate(zip(pictures, tags, strict=True)):
        if own == common:
            continue
        as_stored = turn_upright(picture.pixels, _INVERSE.get(own, own))
        other = np.ascontiguousarray(turn_upright(as_stored, common))
        if _likeness(model, other) > _likeness(model, picture.pixels):
            note = f"its orientation tag ({own}) is not that of the other frames and was not followed"
            turned[at] = replace(picture, pixels=other, notes=(*picture.notes, note))
    return turned


def _likeness(first: Array, second: Array) -> float:
    return (similarity(first, second) or 0.0) if first.shape == second.shape else -1.0
