"""What counts as motion: the quick test for static pairs, and regions whose detail is the same in both frames."""

import cv2
import numpy as np
import pytest
from builders.motion import moved, room

from lightfuse import core
from lightfuse.deghost import deghost
from tools.synthetic import Camera, sample_pair

BOX = np.s_[180:300, 200:420]


def photographed(seed, evs, bits=8):
    return [Camera().photograph(room(seed), ev, bits=bits, seed=i) for i, ev in enumerate(evs)]


def is_static(under, over, threads=2):
    """The quick test alone, which `deghost` begins with."""
    return core.Ghosts(under, over, threads).are_none()


def enlarged(picture, times):
    return np.ascontiguousarray(cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("evs", "bits"), [((-1, 1), 8), ((-3, 3), 8), ((-3, 3), 16)])
def test_static_pair_is_recognised_by_the_quick_test(seed, evs, bits):
    under, over = photographed(seed, evs, bits)
    assert is_static(under, over)
    result = deghost(under, over)
    assert result.under is under
    assert result.over is over
    assert result.mask is None


@pytest.mark.parametrize("level", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("places", [((110, 165), (230, 170)), ((110, 165), (114, 165))])
def test_quick_test_never_takes_motion_for_static(level, bits, places):
    pair = moved(level, bits=bits, places=places)
    assert deghost(pair.under, pair.over, mode="always").mask is not None
    assert not is_static(pair.under, pair.over)


@pytest.mark.parametrize("times", [4, 8])
def test_quick_test_of_pairs_larger_than_the_search(times):
    static, pair = photographed(0, (-2, 2)), moved(0.1)
    assert is_static(*(enlarged(frame, times) for frame in static))
    assert not is_static(enlarged(pair.under, times), enlarged(pair.over, times))


def test_frames_that_share_nothing_are_not_static():
    black = np.zeros((60, 80, 3), np.uint8)
    assert not is_static(black, black + np.uint8(255))


@pytest.mark.parametrize("threads", [1, 3])
def test_quick_test_does_not_depend_on_the_number_of_threads(threads):
    pair = moved(0.1)
    assert is_static(*photographed(0, (-2, 2)), threads)
    assert not is_static(pair.under, pair.over, threads)


def test_region_with_the_same_detail_in_other_tones_is_no_ghost() -> None:
    """Part of over is much darker and of another colour, as after local tone mapping, but its detail is the same."""
    under, over = sample_pair(600, 400)
    other = over.copy()
    other[BOX] = np.round(255 * (other[BOX] / 255.0) ** 2.2 * (1, 0.8, 0.6)).astype(np.uint8)
    assert deghost(under, other, mode="always").mask is not None
    assert deghost(under, other).mask is None


def test_region_with_other_detail_is_a_ghost() -> None:
    under, over = sample_pair(600, 400)
    other = over.copy()
    other[BOX] = np.round(255 * (other[BOX][::-1, ::-1] / 255.0) ** 2.2 * (1, 0.8, 0.6)).astype(np.uint8)
    assert deghost(under, other).mask is not None


def stained_glass(seed, evs, veil, radius):
    """Bright coloured panes in a dim room, photographed twice, with flare around them in the longer exposure."""
    panes = np.zeros_like(room(seed))
    rng = np.random.default_rng(seed)
    for y, x in np.ndindex(8, 9):
        panes[20 + 12 * y : 30 + 12 * y, 120 + 12 * x : 130 + 12 * x] = rng.uniform(0.05, 1, 3) ** 2 * 3
    light = np.where(panes > 0, panes, room(seed) * np.float32(0.3)).astype(np.float32)
    flare = cv2.GaussianBlur(panes, (0, 0), radius).mean(-1, keepdims=True) * veil * np.array([1.0, 0.95, 0.85])
    under = Camera().photograph(light, evs[0], seed=0)
    return under, Camera().photograph((light + flare).astype(np.float32), evs[1], seed=1)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("evs", [(-3, 2), (-1, 3)])
@pytest.mark.parametrize(("veil", "radius"), [(0.05, 3), (0.1, 3), (0.1, 6)])
def test_flare_around_bright_glass_is_no_ghost(seed, evs, veil, radius):
    under, over = stained_glass(seed, evs, veil, radius)
    result = deghost(under, over)
    assert result.under is under
    assert result.over is over


def test_motion_beside_flare_is_a_ghost():
    under, over = stained_glass(0, (-1, 3), 0.1, 3)
    pair = moved(0.1, (-1, 3))
    for frame, other in ((under, pair.under), (over, pair.over)):
        frame[140:] = other[140:]
    mask = deghost(under, over).mask
    assert mask is not None
    assert (mask[pair.spoilt] > 127).mean() > 0.9
    assert not mask[:110, 115:235].any()


@pytest.mark.parametrize("evs", [(-4, 3), (-4, 4)])
def test_shadows_raised_in_under_are_no_ghost(evs):
    """A pedestal and noise grow towards one side, as lens shading correction makes them of an underexposed frame."""
    light = room(0) * np.float32(0.3)
    under, over = (Camera().photograph(light, ev, seed=i) for i, ev in enumerate(evs))
    side = np.linspace(-1, 1, under.shape[1]).clip(0)[None, :, None]
    raised = side * np.random.default_rng(0).normal(7, 2, under.shape).clip(0)
    under = np.minimum(under + raised, 255).astype(np.uint8)
    assert deghost(under, over, mode="always").mask is not None
    assert deghost(under, over).mask is None


def largest_chroma(picture):
    return int((picture.max(-1).astype(int) - picture.min(-1)).max())


def test_prediction_from_a_partly_clipped_source_invents_no_colour():
    """Over is clipped in red only; under shows a bright red object of another moment at that place."""
    under, over = (np.full((120, 160, 3), level, np.uint8) for level in (60, 150))
    ramp = np.linspace(20, 110, 160).astype(np.uint8)
    under[:60] = ramp[None, :, None]
    over[:60] = np.minimum(ramp[None, :, None].astype(int) * 2.3, 255).astype(np.uint8)
    over[80:110, 60:100] = (255, 200, 180)
    under[80:110, 60:100] = (250, 20, 20)
    result = deghost(under, over, base="over", mode="always")
    region = np.s_[85:105, 65:95]
    assert result.mask is not None
    assert largest_chroma(result.under[region]) <= largest_chroma(over[region])


@pytest.mark.parametrize("base", ["under", "over"])
def test_prediction_has_no_hue_that_neither_frame_has(base):
    """Where most of the scene is lit otherwise, its intensity mapping would make a grey object blue or yellow."""
    ramp = np.tile(np.linspace(10, 70, 160), (120, 1))[..., None]
    under, over = ramp * (1, 1, 1), ramp * (2, 2, 3.5)
    under[70:110, 40:100], over[70:110, 40:100] = 60, 60
    under, over = (np.round(frame).astype(np.uint8) for frame in (under, over))
    result = deghost(under, over, base=base, mode="always")
    region = np.s_[75:105, 45:95]
    assert result.mask is not None
    assert (result.mask[region] > 200).all()
    changed = (result.over if base == "under" else result.under)[region]
    assert largest_chroma(changed) <= 0.06 * changed.max()
