"""The camera, its shake, whole brackets and their reference: known exactly, so that others can be measured by them."""

import cv2
import numpy as np
import pytest

from tools.synthetic import (
    Camera,
    HandShake,
    Scene,
    chart_patches,
    moving_object,
    sample_bracket,
    sample_pair,
    tone_mapped,
)


@pytest.fixture(scope="module")
def light() -> np.ndarray:
    return Scene().render(300, 200)


@pytest.mark.parametrize("response", ["filmic", "srgb"])
@pytest.mark.parametrize("bits", [8, 16])
def test_unclipped_pixels_invert_to_the_light_within_quantisation(light: np.ndarray, response: str, bits: int) -> None:
    camera = Camera(response=response)
    picture = camera.photograph(light, 2.0, bits=bits, noise=False)
    assert picture.dtype == (np.uint8 if bits == 8 else np.uint16)
    top = 2**bits - 1
    middle = (picture > top // 50) & (picture < top * 49 // 50)
    assert middle.mean() > 0.3
    # Half a code either way, at this very pixel, brackets the truth.
    lower = camera.decode(((picture - 0.51) / top).astype(np.float32)) / 4
    upper = camera.decode(((picture + 0.51) / top).astype(np.float32)) / 4
    assert (lower[middle] <= light[middle]).all()
    assert (light[middle] <= upper[middle]).all()
    np.testing.assert_allclose(camera.measure(picture, 2.0)[middle], light[middle], rtol=0.15 if bits == 8 else 1e-3)


def test_the_chart_is_read_off_a_photograph(light: np.ndarray) -> None:
    camera = Camera()
    seen = camera.measure(camera.photograph(light, 2.0, bits=16, noise=False), 2.0)
    for patch in chart_patches(300, 200):
        np.testing.assert_allclose(seen[patch.rows, patch.columns].mean((0, 1)), patch.light, rtol=5e-3, atol=1e-5)


@pytest.mark.parametrize("headroom", [1.0, 2.0, 4.0])
def test_the_filmic_curve_rises_smoothly_to_white_at_the_headroom(headroom: float) -> None:
    camera = Camera(headroom=headroom)
    x = np.linspace(0, headroom, 4001, dtype=np.float32)
    code = camera.encode(x)
    assert (np.diff(code) >= 0).all()
    np.testing.assert_allclose(code[-1], 1, atol=1e-4)
    np.testing.assert_allclose(camera.decode(code), x, rtol=1e-3, atol=1e-5)
    if headroom > 1:
        assert camera.encode(np.float32([1.0]))[0] < 0.97


def test_the_srgb_response_matches_the_standard() -> None:
    code = Camera(response="srgb").encode(np.float32([-1, 0, 0.002, 0.18, 1, 5]))
    np.testing.assert_allclose(code, [0, 0, 0.02584, 0.46136, 1, 1], atol=1e-4)


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_noise_has_the_stated_mean_and_variance_in_each_channel(level: float) -> None:
    camera = Camera(response="srgb", full_well=2000, read_noise=5, black_level=0.01)
    grey = np.full((250, 400, 3), level, np.float32)
    seen = camera.measure(camera.photograph(grey, 0.0, bits=16, seed=5), 0.0).reshape(-1, 3).astype(np.float64)
    gain = np.array(camera.white_balance)
    variance = gain * (level + 0.01) / 2000 + (gain * 5 / 2000) ** 2
    np.testing.assert_allclose(seen.mean(0), level, atol=5 * np.sqrt(variance.max() / len(seen)))
    np.testing.assert_allclose(seen.var(0), variance, rtol=0.03)


def test_the_same_seed_makes_the_same_noise_and_another_seed_another(light: np.ndarray) -> None:
    first, again, other = (Camera().photograph(light, 0.0, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_stop_of_exposure_is_twice_the_light(light: np.ndarray) -> None:
    camera = Camera()
    assert np.array_equal(camera.photograph(light, 1.0, noise=False), camera.photograph(light * 2, 0.0, noise=False))


def test_photographing_leaves_the_light_alone(light: np.ndarray) -> None:
    before = light.copy()
    Camera().photograph(light, 3.0)
    assert np.array_equal(light, before)


@pytest.mark.parametrize("wrong", [{"response": "log"}, {"full_well": 0}, {"read_noise": -1}, {"headroom": 0.5}])
def test_an_impossible_camera_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="a camera's"):
        Camera(**wrong)


def test_other_depths_than_8_and_16_bits_are_refused(light: np.ndarray) -> None:
    with pytest.raises(ValueError, match="8 or 16 bits"):
        Camera().photograph(light, 0.0, bits=12)


def mapped(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    point = matrix @ (x, y, 1.0)
    return point[:2] / point[2]


def test_no_shake_is_the_identity() -> None:
    np.testing.assert_allclose(HandShake().matrix(301, 200), np.eye(3), atol=1e-12)


def test_known_movements_move_known_points() -> None:
    # In a picture of 201×101 the middle is (100, 50).
    np.testing.assert_allclose(mapped(HandShake(shift=(0.1, -0.05)).matrix(201, 101), 7, 9), (27.1, -1.05))
    np.testing.assert_allclose(mapped(HandShake(rotation=90).matrix(201, 101), 110, 50), (100, 60))
    np.testing.assert_allclose(mapped(HandShake(zoom=2).matrix(201, 101), 110, 45), (120, 40))
    tilted = HandShake(perspective=(0.1, 0)).matrix(201, 101)
    np.testing.assert_allclose(mapped(tilted, 100, 50), (100, 50))
    assert mapped(tilted, 200, 100)[1] - mapped(tilted, 200, 0)[1] > 101  # the right edge came nearer: it is longer


def test_a_dot_lands_where_the_matrix_says() -> None:
    shake, margin = HandShake((0.03, -0.02), 4.0, (0.02, 0.01), 1.02), 20
    light = np.zeros((160 + 2 * margin, 240 + 2 * margin, 3), np.float32)
    light[margin + 40 - 2 : margin + 40 + 3, margin + 70 - 2 : margin + 70 + 3] = 1
    seen = shake.apply(light, margin)[..., 0]
    rows, columns = np.indices(seen.shape)
    centre = (columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()
    np.testing.assert_allclose(centre, mapped(shake.matrix(240, 160), 70, 40), atol=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_warping_back_gives_the_unshaken_picture(seed: int) -> None:
    shake = HandShake.typical(seed)
    margin = shake.margin(450, 300)
    light = np.log2(Scene().render(450, 300, margin=margin))
    unshaken = light[margin:-margin, margin:-margin]
    shaken = shake.apply(light, margin)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpPerspective(shaken, shake.matrix(450, 300), (450, 300), flags=flags)
    inner = np.s_[30:-30, 30:-30]
    # Blurred a little: interpolating twice costs sharpness, not place.
    missed = np.abs(cv2.GaussianBlur(back - unshaken, (0, 0), 2))[inner].mean()
    assert missed < 0.02
    assert np.abs(cv2.GaussianBlur(shaken - unshaken, (0, 0), 2))[inner].mean() > 10 * missed


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 300), (300, 5), (320, 200)])
def test_the_margin_is_enough_for_no_edge_to_be_extrapolated(width: int, height: int) -> None:
    shake = HandShake((0.05, -0.03), 3.0, (0.02, -0.03), 0.97)
    margin = shake.margin(width, height)
    back = np.linalg.inv(shake.matrix(width, height))
    for x in (0, width - 1):
        for y in (0, height - 1):
            u, v = mapped(back, x, y)
            assert -margin <= u <= width - 1 + margin
            assert -margin <= v <= height - 1 + margin


def test_times_scales_the_movement() -> None:
    once, twice = HandShake((0.01, 0), 2.0).matrix(101, 101), HandShake((0.01, 0), 2.0).times(2).matrix(101, 101)
    np.testing.assert_allclose(twice, HandShake((0.02, 0), 4.0).matrix(101, 101))
    assert not np.allclose(once, twice)
    np.testing.assert_allclose(HandShake.typical(5).times(0).matrix(80, 60), np.eye(3), atol=1e-12)


def test_the_moving_mask_is_exact() -> None:
    light = Scene().render(300, 200)
    before = light.copy()
    seen, mask = moving_object(light, 0.25)
    assert np.array_equal(light, before)
    assert np.array_equal(seen[~mask], light[~mask])
    changed = (seen != light).any(-1)
    assert (changed & mask).sum() > 0.95 * mask.sum()
    assert 0.01 < mask.mean() < 0.1


def test_the_object_moves_left_and_turns() -> None:
    light = Scene().render(300, 200)
    (first, start), (last, end) = moving_object(light, 0.0), moving_object(light, 1.0)
    assert np.nonzero(start)[1].mean() - np.nonzero(end)[1].mean() > 60
    assert not (start & end).any()
    assert np.abs(np.median(first[start], 0) - np.median(last[end], 0)).max() > 0.001


@pytest.mark.parametrize("t", [-0.1, 1.5])
def test_a_time_out_of_range_is_refused(t: float) -> None:
    with pytest.raises(ValueError, match="t = 0 to t = 1"):
        moving_object(Scene().render(6, 4), t)


def test_pictures_are_sorted_dark_to_bright_and_hold_sky_and_corner() -> None:
    bracket = sample_bracket(300, 200, (3.0, -3.0), noise=False)
    under, over = bracket.pictures
    assert bracket.evs == (-3.0, 3.0)
    assert under.dtype == over.dtype == bracket.reference.dtype == np.uint8
    assert under.mean() < over.mean() - 60
    assert under.max() < 255
    assert np.percentile(over.max(-1), 0.1) > 5
    assert (over == 255).mean() > 0.05  # one exposure does not hold it all
    assert (under.max(-1) < 8).mean() > 0.05


def test_without_shake_frames_agree_outside_the_masks() -> None:
    bracket = sample_bracket(240, 160, (0.0, 0.0), noise=False, moving=True)
    outside = ~(bracket.masks[0] | bracket.masks[1])
    assert np.array_equal(bracket.pictures[0][outside], bracket.pictures[1][outside])
    assert not np.array_equal(*bracket.pictures)
    assert bracket.masks[0].any()
    assert bracket.masks[1].any()


def test_the_truth_is_what_the_first_picture_shows() -> None:
    bracket = sample_bracket(240, 160, (-1, 0, 1), noise=False, moving=True, shake=HandShake.typical(2))
    assert np.array_equal(Camera().photograph(bracket.light, -1.0, noise=False), bracket.pictures[0])
    np.testing.assert_allclose(bracket.homographies[0], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(bracket.homographies[2], HandShake.typical(2).times(2).matrix(240, 160))
    assert len(bracket.pictures) == len(bracket.homographies) == len(bracket.masks) == 3


def test_a_shaken_object_stays_inside_its_mask() -> None:
    shake = HandShake.typical(1)
    static = sample_bracket(240, 160, (0, 0), noise=False, shake=shake)
    rolling = sample_bracket(240, 160, (0, 0), noise=False, shake=shake, moving=True)
    outside = ~rolling.masks[1]
    assert np.array_equal(static.pictures[1][outside], rolling.pictures[1][outside])
    assert not np.array_equal(static.pictures[1], rolling.pictures[1])


def test_16_bits_agree_with_8() -> None:
    eight, sixteen = (sample_bracket(90, 60, bits=bits, noise=False) for bits in (8, 16))
    assert all(picture.dtype == np.uint16 for picture in (*sixteen.pictures, sixteen.reference))
    for fine, coarse in zip((*sixteen.pictures, sixteen.reference), (*eight.pictures, eight.reference), strict=True):
        assert np.abs(fine / 257.0 - coarse).max() <= 0.51


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 6), (60, 1)])
def test_tiny_brackets_work_with_everything_on(width: int, height: int) -> None:
    bracket = sample_bracket(width, height, moving=True, shake=HandShake.typical(3))
    assert {picture.shape for picture in (*bracket.pictures, bracket.reference)} == {(height, width, 3)}
    assert {mask.shape for mask in bracket.masks} == {(height, width)}


def test_the_pair_is_the_default_bracket() -> None:
    under, over = sample_pair(90, 60, seed=2)
    bracket = sample_bracket(90, 60, seed=2)
    assert np.array_equal(under, bracket.pictures[0])
    assert np.array_equal(over, bracket.pictures[1])


def test_a_bracket_without_exposures_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one exposure"):
        sample_bracket(6, 4, ())


def test_the_reference_shows_both_sky_and_corner() -> None:
    light = Scene().render(300, 200)
    reference = tone_mapped(light)
    assert reference.min() >= 0
    assert reference.max() <= 1
    luma, luminance = reference.mean(-1), light.mean(-1)
    dark, bright = luminance < np.percentile(luminance, 5), luminance > np.percentile(luminance, 95)
    assert luma[dark].mean() > 0.08
    assert 0.7 < luma[bright].mean() < 0.99
    assert 0.3 < np.median(luma) < 0.6
    # The order of brightness stays by and large: Spearman's rank correlation.
    ranks = [np.argsort(np.argsort(plane.ravel())) for plane in (luma, luminance)]
    assert np.corrcoef(*ranks)[0, 1] > 0.9


def test_the_reference_does_not_depend_on_the_light_level() -> None:
    light = Scene().render(150, 100)
    np.testing.assert_allclose(tone_mapped(light), tone_mapped(light * 4), atol=2e-3)
