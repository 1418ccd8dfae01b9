"""A whole sample bracket: photographs of one scene, with everything a test may want to know about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.synthetic.camera import Camera, Picture
from tools.synthetic.canvas import Light
from tools.synthetic.moving import Mask, moving_object
from tools.synthetic.scene import Scene
from tools.synthetic.shake import HandShake, Matrix
from tools.synthetic.tone import tone_mapped


@dataclass(frozen=True)
class SampleBracket:
    """The pictures of a bracket, from dark to bright, and the truth about them.

    ``homographies[k]`` maps pixels of ``pictures[0]`` to those of ``pictures[k]`` (see `HandShake.matrix`).
    ``masks[k]`` is True where the moving object is in ``pictures[k]``. ``light`` is the linear light that
    ``pictures[0]`` shows (so the moving object stands where it is there), and ``reference`` the same, tone-mapped,
    of the pictures' dtype.
    """

    pictures: tuple[Picture, ...]
    evs: tuple[float, ...]
    homographies: tuple[Matrix, ...]
    masks: tuple[Mask, ...]
    light: Light
    reference: Picture


def sample_bracket(
    width: int = 1536,
    height: int = 1024,
    evs: Sequence[float] = (-3.0, 3.0),
    *,
    seed: int = 0,
    bits: Literal[8, 16] = 8,
    noise: bool = True,
    shake: HandShake | None = None,
    moving: bool = False,
    camera: Camera | None = None,
) -> SampleBracket:
    """Photograph the scene of ``seed`` once for each of ``evs``, darkest first whatever their order.

    The default exposures hold the sky (-3) and the dark corner (+3). The camera drifts by one ``shake`` from each
    picture to the next; with ``moving`` a ball rolls on from picture to picture. Raises ValueError without any EV.
    """
    if not evs:
        raise ValueError("a bracket needs at least one exposure value")
    exposures = tuple(sorted(float(ev) for ev in evs))
    camera = camera or Camera()
    drifts = [(shake or HandShake()).times(step) for step in range(len(exposures))]
    margin = max(drift.margin(width, height) for drift in drifts) if shake else 0
    still = Scene(seed).render(width, height, margin=margin)
    lights, masks = [], []
    for step, drift in enumerate(drifts):
        seen, mask = still, np.zeros(still.shape[:2], np.bool_)
        if moving:
            seen, mask = moving_object(still, step / max(1, len(exposures) - 1), margin=margin)
        if shake:
            seen = drift.apply(seen, margin)
            mask = drift.apply(mask.astype(np.float32), margin) > 0
        lights.append(seen)
        masks.append(mask)
    pictures = tuple(
        camera.photograph(light, ev, bits=bits, noise=noise, seed=seed * 1000 + step)
        for step, (light, ev) in enumerate(zip(lights, exposures, strict=True))
    )
    return SampleBracket(
        pictures=pictures,
        evs=exposures,
        homographies=tuple(drift.matrix(width, height) for drift in drifts),
        masks=tuple(masks),
        light=lights[0],
        reference=_as_picture(tone_mapped(lights[0]), bits),
    )


def sample_pair(
    width: int = 1536, height: int = 1024, *, seed: int = 0, bits: Literal[8, 16] = 8, noise: bool = True
) -> tuple[Picture, Picture]:
    """The under- and the over-exposed photograph (-3 and +3 EV) of the scene of ``seed``, each H×W×3."""
    camera, light = Camera(), Scene(seed).render(width, height)
    under = camera.photograph(light, -3.0, bits=bits, noise=noise, seed=seed * 1000)
    over = camera.photograph(light, 3.0, bits=bits, noise=noise, seed=seed * 1000 + 1)
    return under, over


def _as_picture(values: Light, bits: Literal[8, 16]) -> Picture:
    if bits == 8:
        return np.round(values * 255).astype(np.uint8)
    return np.round(values * np.float32(65535)).astype(np.uint16)
