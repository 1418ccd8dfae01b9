import numpy as np
import pytest
from builders.motion import room, with_disc

from lightfuse.deghost.mapping import estimate_maps
from tools.synthetic import Camera


def photographed(first, last, evs):
    camera = Camera()
    return [
        camera.photograph(light, ev, bits=16, seed=i).astype(np.float32) / np.float32(65535)
        for i, (light, ev) in enumerate(zip((first, last), evs, strict=True))
    ]


def truth(values, evs):
    """What over shows for values of under, by the sample camera's own curve."""
    camera = Camera()
    grid = np.array(values, np.float32)
    return camera.encode(camera.decode(grid) * np.float32(2.0 ** (evs[1] - evs[0])))


@pytest.mark.parametrize("evs", [(-1, 1), (-2, 2), (-3, 3)])
def test_the_mapping_is_the_cameras(evs):
    maps = estimate_maps(*photographed(room(), room(), evs))
    values = np.array([0.04, 0.08, 0.15, 0.25])
    for mapping in maps:
        assert np.abs(mapping.forward(values) - truth(values, evs)).max() < 0.03
        assert np.abs(mapping.backward(truth(values[:2], evs)) - values[:2]).max() < 0.01
        assert (np.diff(mapping.over) >= 0).all()
        assert mapping.stops == pytest.approx(evs[1] - evs[0], abs=0.5)


def test_a_moving_thing_does_not_bend_the_mapping():
    """Its light is the only one of its level, so only its own scattered partners speak for that level."""
    first, last = (with_disc(room(), place, 0.25, 40)[0] for place in ((90, 180), (250, 180)))
    still = estimate_maps(*photographed(room(), room(), (-2, 2)))
    moving = estimate_maps(*photographed(first, last, (-2, 2)))
    for one, other in zip(still, moving, strict=True):
        assert np.abs(one.over - other.over).max() < 0.06


def test_frames_that_share_nothing_have_no_mapping():
    assert estimate_maps(np.zeros((30, 30, 3), np.float32), np.ones((30, 30, 3), np.float32)) is None
