import numpy as np
import pytest
from builders.motion import moved, rms, room, with_disc

from lightfuse.deghost import deghost_bracket
from lightfuse.errors import LightFuseError, PictureError
from tools.synthetic import Camera

EVS = (-3, -1, 1, 3)
PLACES = ((90, 170), (140, 165), (190, 170), (240, 165))


def frames_with(places):
    camera = Camera()
    lights = [with_disc(room(), place, 0.08) for place in places]
    pictures = [
        camera.photograph(light, ev, seed=i) for i, ((light, _), ev) in enumerate(zip(lights, EVS, strict=True))
    ]
    return pictures, [mask for _, mask in lights]


@pytest.mark.parametrize("base", [1, 2])
def test_every_frame_shows_the_bases_moment(base):
    frames, masks = frames_with(PLACES)
    truth, _ = frames_with([PLACES[base]] * 4)
    result = deghost_bracket(frames, base)
    assert result.frames[base] is frames[base]
    assert result.masks[base] is None
    for index in set(range(4)) - {base}:
        spoilt = masks[index] | masks[base]
        before = rms(frames[index], truth[index], spoilt)
        assert rms(result.frames[index], truth[index], spoilt) < before / 3
        assert result.shares[index] > 0.01


def test_a_static_bracket_stays_as_it_is():
    frames = [Camera().photograph(room(), ev, seed=i) for i, ev in enumerate(EVS)]
    result = deghost_bracket(frames, 1)
    assert all(one is other for one, other in zip(result.frames, frames, strict=True))
    assert result.masks == [None] * 4
    assert result.shares == [0.0] * 4


def test_a_pair_is_a_bracket():
    pair = moved(0.1)
    result = deghost_bracket([pair.under, pair.over], 1)
    assert result.frames[1] is pair.over
    assert rms(result.frames[0], pair.under_then, pair.spoilt) < 3


def test_bad_brackets_are_refused():
    frames = [np.zeros((20, 20, 3), np.uint8)] * 2
    with pytest.raises(LightFuseError, match="no frame 2 among 2"):
        deghost_bracket(frames, 2)
    with pytest.raises(PictureError, match="differ in size"):
        deghost_bracket([*frames, np.zeros((21, 20, 3), np.uint8)], 0)
