import numpy as np
import pytest
from builders.motion import room, with_disc

from lightfuse.deghost.blend import push_pull
from lightfuse.deghost.mapping import estimate_maps
from tools.synthetic import Camera


def photographed(first, last, evs):
    camera = Camera()
    return [
        camera.photograph(light, ev, bits=16, seed=i).astype(np.float32) / np.float32(65535)
        for i, (light, ev) in enumerate(zip((first, last), evs, strict=True))
    ]


def truth(values, evs):
    """Values of over for values of under, by the synthetic camera's own curve."""
    camera = Camera()
    grid = np.array(values, np.float32)
    return camera.encode(camera.decode(grid) * np.float32(2.0 ** (evs[1] - evs[0])))


@pytest.mark.parametrize("evs", [(-1, 1), (-2, 2), (-3, 3)])
def test_mapping_is_that_of_the_camera(evs):
    maps = estimate_maps(*photographed(room(), room(), evs))
    values = np.array([0.04, 0.08, 0.15, 0.25])
    for mapping in maps:
        assert np.abs(mapping.forward(values) - truth(values, evs)).max() < 0.03
        assert np.abs(mapping.backward(truth(values[:2], evs)) - values[:2]).max() < 0.01
        assert (np.diff(mapping.over) >= 0).all()
        assert mapping.stops == pytest.approx(evs[1] - evs[0], abs=0.5)


def test_moving_object_does_not_bend_the_mapping():
    """No other light has the object's level, so only scattered pairs of values define the mapping there."""
    first, last = (with_disc(room(), place, 0.25, 40)[0] for place in ((90, 180), (250, 180)))
    static = estimate_maps(*photographed(room(), room(), (-2, 2)))
    moving = estimate_maps(*photographed(first, last, (-2, 2)))
    for one, other in zip(static, moving, strict=True):
        assert np.abs(one.over - other.over).max() < 0.06


def test_frames_that_share_nothing_have_no_mapping():
    assert estimate_maps(np.zeros((30, 30, 3), np.float32), np.ones((30, 30, 3), np.float32)) is None


def test_push_pull_fills_gaps_from_their_surroundings():
    ramp = np.repeat(np.linspace(0.2, 0.8, 61, dtype=np.float32)[None, :, None], 47, 0).repeat(3, 2)
    known = np.ones((47, 61), bool)
    known[12:34, 20:42] = False
    spoilt = np.where(known[..., None], ramp, 0)
    mended = push_pull(spoilt, known)
    assert np.array_equal(mended[known], ramp[known])
    assert np.abs(mended - ramp).max() < 0.12


def test_push_pull_from_one_known_pixel():
    picture = np.zeros((9, 14, 3), np.float32)
    picture[3, 5] = (0.1, 0.5, 0.9)
    known = np.zeros((9, 14), bool)
    known[3, 5] = True
    np.testing.assert_allclose(push_pull(picture, known), np.broadcast_to(picture[3, 5], picture.shape), atol=1e-4)
