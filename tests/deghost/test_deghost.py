import numpy as np
import pytest
from builders.motion import HEIGHT, WIDTH, Moved, moved, rms, room, with_disc

from lightfuse.deghost import deghost, ghost_overlay
from lightfuse.errors import LightFuseError, PictureError
from tools.synthetic import Camera, Scene, sample_pair


@pytest.fixture(scope="module")
def pair() -> Moved:
    """A disc of middling brightness, held by both frames, before wall and floor."""
    return moved(0.1)


def photographed(light, evs, bits=8):
    return [Camera().photograph(light, ev, bits=bits, seed=i) for i, ev in enumerate(evs)]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("evs", "bits"), [((-1, 1), 8), ((-3, 3), 8), ((-3, 3), 16), ((-3, 1), 8)])
def test_deghost_ignores_static_scene(seed, evs, bits):
    under, over = photographed(room(seed), evs, bits)
    result = deghost(under, over, mode="always")
    assert result.under is under
    assert result.over is over
    assert result.mask is None


def test_deghost_masks_the_moving_object_only(pair):
    result = deghost(pair.under, pair.over)
    assert result.mask is not None
    assert result.mask.dtype == np.uint8
    assert (result.mask[pair.spoilt] > 127).mean() > 0.95
    far = ~_near(pair.spoilt, 25)
    assert not result.mask[far].any()


def test_deghost_from_over_predicts_under(pair):
    result = deghost(pair.under, pair.over, base="over")
    assert result.over is pair.over
    assert rms(pair.under, pair.under_then, pair.spoilt) > 10
    assert rms(result.under, pair.under_then, pair.spoilt) < 3


def test_deghost_from_under_predicts_over(pair):
    result = deghost(pair.under, pair.over, base="under")
    assert result.under is pair.under
    before = rms(pair.over, pair.over_then, pair.spoilt)
    assert before > 50
    assert rms(result.over, pair.over_then, pair.spoilt) < before / 8


@pytest.mark.parametrize("evs", [(-1, 1), (-2, 2), (-3, 3)])
def test_prediction_is_what_the_camera_would_have_recorded(evs):
    """The mapping is that of the synthetic camera, which it must find out."""
    fine = moved(0.06, evs, bits=16)
    result = deghost(fine.under, fine.over, base="over")
    assert rms(result.under, fine.under_then, fine.spoilt) < 3
    assert rms(fine.under, fine.under_then, fine.spoilt) > 6


def test_moving_object_does_not_bend_the_mapping():
    """No other light has the object's level, so only scattered pairs of values define the mapping there."""
    (first, at_first), (last, at_last) = (with_disc(room(), place, 0.25, 40) for place in ((90, 180), (250, 180)))
    under, over = Camera().photograph(first, -2, bits=16, seed=0), Camera().photograph(last, 2, bits=16, seed=1)
    truth = Camera().photograph(last, -2, bits=16, seed=0)
    result = deghost(under, over, base="over")
    spoilt = at_first | at_last
    assert rms(result.under, truth, spoilt) < min(6, rms(under, truth, spoilt) / 4)


def test_rows_and_pixels_may_lie_anywhere_in_memory(pair):
    wanted = deghost(pair.under, pair.over)
    turned = [np.asfortranarray(frame) for frame in (pair.under, pair.over)]
    upwards = [frame[::-1].copy()[::-1] for frame in (pair.under, pair.over)]
    for under, over in (turned, upwards):
        result = deghost(under, over)
        np.testing.assert_array_equal(result.under, wanted.under)
        np.testing.assert_array_equal(result.mask, wanted.mask)


def test_deghost_keeps_pixels_outside_the_mask_exactly(pair):
    for base in ("under", "over"):
        result = deghost(pair.under, pair.over, base=base)
        outside = result.mask == 0
        assert np.array_equal(result.under[outside], pair.under[outside])
        assert np.array_equal(result.over[outside], pair.over[outside])


def test_deghost_does_not_change_its_inputs(pair):
    under, over = pair.under.copy(), pair.over.copy()
    deghost(under, over, base="under")
    deghost(under, over, base="over")
    assert np.array_equal(under, pair.under)
    assert np.array_equal(over, pair.over)


def test_mask_has_soft_edges(pair):
    mask = deghost(pair.under, pair.over).mask
    steps = np.abs(np.diff(mask.astype(int), axis=1))
    assert mask.max() == 255
    assert steps.max() < 128


@pytest.mark.parametrize("bits", [16, 32])
def test_deghost_gives_the_same_picture_for_every_dtype(pair, bits):
    fine = moved(0.1, bits=16)
    under, over = fine.under, fine.over
    if bits == 32:
        under, over = (frame.astype(np.float32) / np.float32(65535) for frame in (under, over))
    result = deghost(under, over, base="over")
    assert result.under.dtype == under.dtype
    eight = deghost(pair.under, pair.over, base="over").under
    scale = 255 if bits == 32 else 255 / 65535
    assert np.abs(result.under[pair.spoilt].astype(np.float64) * scale - eight[pair.spoilt]).mean() < 1


def test_clipped_frame_is_not_the_source():
    """A dim disc before the bright window, white in over: with over as the source there would be a flat hole."""
    hidden = moved(0.03, (-2, 3), places=((110, 60), (150, 60)))
    assert (hidden.over[hidden.spoilt & (hidden.under_then.min(-1) > 150)] > 250).mean() > 0.5
    result = deghost(hidden.under, hidden.over)
    assert result.under is hidden.under
    assert rms(result.over, hidden.over_then, hidden.spoilt) < rms(hidden.over, hidden.over_then, hidden.spoilt) / 4


def test_clipped_base_stays_the_source():
    hidden = moved(0.03, (-2, 3), places=((110, 60), (150, 60)))
    assert deghost(hidden.under, hidden.over, base="over").over is hidden.over


def test_hole_is_filled_from_its_surroundings():
    """Over must be the source, and is clipped where the dim disc was: no trace of the disc may remain in under."""
    hidden = moved(0.03, (-2, 3), places=((110, 60), (150, 60)))
    result = deghost(hidden.under, hidden.over, base="over")
    disc = with_disc(room(), (110, 60), 0.03)[1] & (hidden.over.min(-1) >= 252)
    assert disc.sum() > 200
    assert hidden.under[disc].mean() < 60
    expected = hidden.under_then[disc].mean()
    assert abs(float(result.under[disc].mean()) - expected) < 0.25 * expected


def test_under_keeps_its_detail_where_over_is_clipped():
    """Over is the source before the window: under's sky around the disc, clipped in over, must not turn flat."""
    hidden = moved(0.03, (-2, 3), places=((110, 60), (150, 60)))
    result = deghost(hidden.under, hidden.over, base="over")
    disc = _near(with_disc(room(), (110, 60), 0.03)[1], 1)
    sky = (result.mask == 255) & (hidden.over == 255).all(-1) & ~disc & (hidden.under.min(-1) > 170)
    assert sky.sum() > 50
    assert np.abs(result.under[sky].astype(int) - hidden.under[sky]).mean() < 2


@pytest.mark.slow
def test_mode_auto_leaves_frames_of_different_scenes():
    """Two frames of different scenes disagree nearly everywhere: no ghost."""
    under, _ = sample_pair(WIDTH, HEIGHT, seed=0)
    _, over = sample_pair(WIDTH, HEIGHT, seed=0)
    over = np.ascontiguousarray(over[::-1, ::-1])
    auto = deghost(under, over)
    assert auto.under is under
    assert auto.over is over
    if auto.notes:
        assert "too much to be ghosts" in auto.notes[0]
    always = deghost(under, over, mode="always")
    assert always.mask is not None


def test_frames_with_nothing_in_common_are_left_with_a_note():
    under, over = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 255, np.uint8)
    result = deghost(under, over)
    assert result.under is under
    assert result.over is over
    assert "too few unclipped values" in result.notes[0]


def test_deghost_does_not_depend_on_the_number_of_threads(pair):
    one, three = (deghost(pair.under, pair.over, base="under", threads=n) for n in (1, 3))
    assert np.array_equal(one.over, three.over)
    assert np.array_equal(one.mask, three.mask)


@pytest.mark.slow
def test_deghost_of_a_picture_larger_than_the_search():
    """1,500 × 1,000 is searched at half its size; odd sizes must fit as well."""
    light = Scene(0).render(1501, 1003)
    (first, at_first), (last, at_last) = (with_disc(light, place, 0.1, 90) for place in ((460, 690), (960, 700)))
    under, over = Camera().photograph(first, -2, seed=0), Camera().photograph(last, 2, seed=1)
    truth = Camera().photograph(last, -2, seed=0)
    result = deghost(under, over, base="over")
    assert rms(result.under, truth, at_first | at_last) < rms(under, truth, at_first | at_last) / 5


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (15, 40), (16, 16)])
def test_deghost_ignores_tiny_frames(size):
    rng = np.random.default_rng(0)
    under = rng.integers(0, 100, (*size, 3), dtype=np.uint8)
    over = (under * 2).astype(np.uint8)
    result = deghost(under, over)
    assert result.under is under
    assert result.over is over


@pytest.mark.parametrize(
    ("under", "over", "told"),
    [
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4, 3), np.uint8), "picture 1 is 5×4, picture 2 is 4×5"),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 3), np.uint16), "picture 1 is uint8, picture 2 uint16"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint8), "height × width × 3"),
        (np.zeros((4, 5, 3)), np.zeros((4, 5, 3)), "not float64"),
        ("a.jpg", np.zeros((4, 5, 3), np.uint8), "not str"),
        (np.full((40, 40, 3), np.nan, np.float32), np.zeros((40, 40, 3), np.float32), "NaN"),
    ],
)
def test_deghost_refuses_bad_frames(under, over, told):
    with pytest.raises(PictureError, match=told):
        deghost(under, over)


@pytest.mark.parametrize("setting", [{"base": "middle"}, {"mode": "off"}, {"threads": 0}, {"threads": "2"}])
def test_deghost_refuses_bad_options(pair, setting):
    with pytest.raises(LightFuseError, match="must be"):
        deghost(pair.under, pair.over, **setting)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_ghost_overlay_shows_the_mask_in_magenta(dtype, white):
    frame = np.full((4, 6, 3), white, dtype)
    mask = np.zeros((4, 6), np.uint8)
    mask[:, :2] = 255
    overlay = ghost_overlay(frame, mask)
    assert overlay.dtype == np.uint8
    assert (overlay[:, 2:] == 255).all()
    assert overlay[0, 0, 0] == 255
    assert overlay[0, 0, 1] < 128
    assert (ghost_overlay(frame, None) == 255).all()


def _near(mask, distance):
    import cv2

    side = 2 * distance + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
