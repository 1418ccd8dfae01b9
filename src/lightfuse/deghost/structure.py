"""Whether two frames show the same thing in a region though their values disagree: then nothing moved there.

Mixed light, a camera that takes colour out of highlights or maps tones locally: one mapping of values cannot tell what
such a place looks like in the other frame. What it shows is the same all the same, and that is what ghosts are not.
"""

from collections.abc import Sequence

import numpy as np

from lightfuse.deghost.mapping import BLACK, WHITE, IntensityMap, lookup
from lightfuse.deghost.regions import Region
from lightfuse.deghost.working import Floats

_FINE, _COARSE = 3, 15
_SAME = 0.58
_LEAST_SEEN, _LEAST_TEXTURE = 0.3, 2.5 / 255


def shows_the_same(region: Region, under: Floats, over: Floats, maps: Sequence[IntensityMap]) -> bool:
    """Whether the detail of both reduced frames (H×W×3 in [0, 1]) agrees in a region, as far as both are unclipped.

    Detail is the luma of 3×3 pixels less that of 15×15, under's in over's values; it agrees where the normalised
    correlation is above 0.58. (On real brackets, people and clothes that moved stay below 0.5.) Where too little is
    unclipped or textured to tell, the answer is no.
    """
    box = (region.rows, region.columns)
    seen = region.core & (over[box] < WHITE).all(-1) & (under[box] > 2 * BLACK).any(-1)
    if seen.sum() < _LEAST_SEEN * region.core.sum():
        return False
    mapped = np.stack([lookup(m.over, under[box][..., channel]) for channel, m in enumerate(maps)], -1)
    first, second = (_detail(picture)[seen] for picture in (mapped, over[box]))
    strengths = float(np.sqrt((first**2).mean())), float(np.sqrt((second**2).mean()))
    if min(strengths) < _LEAST_TEXTURE:
        return False
    return float((first * second).mean()) > _SAME * strengths[0] * strengths[1]


def _detail(picture: Floats) -> Floats:
    import cv2

    luma = picture.mean(-1)
    return np.asarray(cv2.blur(luma, (_FINE, _FINE)) - cv2.blur(luma, (_COARSE, _COARSE)))
