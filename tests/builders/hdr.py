"""A scene as HDR pictures need it: a tone-mapped picture and the light merged from three exposures."""

import numpy as np

from lightfuse.hdr.merge import merge_radiance
from tools.synthetic import Camera, Scene, tone_mapped


def picture_and_radiance(width, height):
    """A tone-mapped picture, H×W×3 uint8, and the radiance merged from three exposures of the same scene."""
    light, evs = Scene(0).render(width, height), (-3.0, 0.0, 3.0)
    frames = [Camera().photograph(light, ev, seed=i) for i, ev in enumerate(evs)]
    return np.round(tone_mapped(light) * 255).astype(np.uint8), merge_radiance(frames, evs, base=1)
