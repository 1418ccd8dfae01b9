import numpy as np
import pytest
from builders.motion import moved, rms, room, with_disc

from lightfuse import Fuser
from lightfuse.brackets.selection import fuse_selection
from lightfuse.deghost import deghost, deghost_bracket
from lightfuse.errors import PictureError
from tools.synthetic import Camera

EVS = (-3, 0, 3)
PLACES = ((90, 170), (165, 168), (240, 165))
IN_WINDOW = ((110, 60), (230, 170), (60, 170))


def frames_with(places, level, evs, radius=22):
    camera = Camera()
    lights = [with_disc(room(), place, level, radius) for place in places]
    pictures = [
        camera.photograph(light, ev, seed=i) for i, ((light, _), ev) in enumerate(zip(lights, evs, strict=True))
    ]
    return pictures, [mask for _, mask in lights]


def visibility(picture, places, masks, truths, empty):
    """How visible the disc is at each place: 0 as without a disc, 1 as if it stood there in all frames."""
    found = []
    for index in range(len(places)):
        others = np.logical_or.reduce([mask for i, mask in enumerate(masks) if i != index])
        only = masks[index] & ~others
        disc = truths[index][only].astype(float) - empty[only]
        found.append(float(((picture[only] - empty[only].astype(float)) * disc).sum() / (disc**2).sum()))
    return found


@pytest.mark.parametrize(
    ("places", "level", "evs"),
    [(PLACES, 0.08, EVS), (PLACES, 0.3, EVS), (IN_WINDOW, 0.1, EVS), (IN_WINDOW, 0.3, (-4, -1, 2))],
)
@pytest.mark.slow
def test_three_frames_show_one_moment_of_a_moving_object(places, level, evs):
    """With a source exposure chosen for each pair, the last two show the disc in two places."""
    fuser, selection = Fuser(), (0, 1, 2)
    frames, masks = frames_with(places, level, evs)
    truths = [fuse_selection(selection, frames_with([place] * 3, level, evs)[0], fuser) for place in places]
    empty = fuse_selection(selection, frames_with(places, 0.0, evs, radius=0)[0], fuser)
    result = deghost_bracket(frames)
    assert result.frames[1] is frames[1]
    first, middle, last = visibility(fuse_selection(selection, result.frames, fuser), places, masks, truths, empty)
    assert middle > 0.9
    assert max(first, last) < 0.15


@pytest.mark.slow
def test_five_frames_follow_the_middle_one():
    places, evs = ((90, 170), (130, 168), (165, 168), (200, 168), (240, 165)), (-2, -1, 0, 1, 2)
    frames, masks = frames_with(places, 0.5, evs)
    truth, _ = frames_with([places[2]] * 5, 0.5, evs)
    result = deghost_bracket(frames)
    for index in (0, 1, 3, 4):
        spoilt = masks[index] | masks[2]
        assert rms(result.frames[index], truth[index], spoilt) < rms(frames[index], truth[index], spoilt) / 2


def test_deghost_bracket_ignores_static_scene():
    frames = [Camera().photograph(room(), ev, seed=i) for i, ev in enumerate(EVS)]
    result = deghost_bracket(frames)
    assert all(one is other for one, other in zip(result.frames, frames, strict=True))
    assert result.masks == []


def test_deghost_bracket_of_two_frames_is_deghost():
    pair = moved(0.1)
    result, expected = deghost_bracket([pair.under, pair.over]), deghost(pair.under, pair.over)
    np.testing.assert_array_equal(result.frames[0], expected.under)
    np.testing.assert_array_equal(result.frames[1], expected.over)
    np.testing.assert_array_equal(result.masks[0], expected.mask)


def test_deghost_bracket_refuses_frames_of_different_sizes():
    frames = [np.zeros((20, 20, 3), np.uint8)] * 2
    with pytest.raises(PictureError, match="differ in size"):
        deghost_bracket([*frames, np.zeros((21, 20, 3), np.uint8)])
