import numpy as np
import pytest

from lightfuse.align.acceptance import TileScores, accept
from lightfuse.align.homography import (
    apply,
    from_parameters,
    is_plausible,
    parameters_of,
    salient_points,
    to_pixels,
    to_unit,
)
from lightfuse.align.registration import register, search_candidates, working_size
from lightfuse.align.tones import codes_of, match_tones, tone_curve
from tools.synthetic import HandShake, sample_bracket

PARAMETERS = np.array([0.02, -0.03, 0.01, 0.004, 0.002, -0.001, 0.003, 0.005])
SIZE = (300, 200)


def test_parameters_of_inverts_from_parameters() -> None:
    np.testing.assert_allclose(parameters_of(from_parameters(PARAMETERS)), PARAMETERS, atol=1e-12)


def test_to_pixels_inverts_to_unit() -> None:
    warp = HandShake((0.02, 0.01), 2, (0.01, 0)).matrix(*SIZE)
    np.testing.assert_allclose(to_pixels(to_unit(warp, *SIZE), *SIZE), warp, atol=1e-9)


def test_translation_of_a_tenth_moves_points_by_a_twentieth_of_the_width() -> None:
    warp = to_pixels(from_parameters(np.eye(8)[0] * 0.1), *SIZE)
    np.testing.assert_allclose(apply(warp, np.array([[10.0, 20.0]])), [[25, 20]])


@pytest.mark.parametrize(
    ("shake", "expected"),
    [
        (HandShake((0.03, 0.03), 2, (0.006, 0.006)), True),
        (HandShake((0.3, 0)), False),
        (HandShake(rotation=20), False),
        (HandShake(perspective=(0.3, 0)), False),
        (HandShake(zoom=1.3), False),
    ],
)
def test_only_hand_shake_is_plausible(shake, expected) -> None:
    assert is_plausible(shake.matrix(*SIZE), *SIZE) is expected


def test_match_tones_makes_exposures_alike_where_both_are_unclipped() -> None:
    radiance = np.random.default_rng(0).gamma(1.0, 0.3, (200, 300))
    dark, bright = (np.round(np.clip(radiance * gain, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8) for gain in (0.25, 4))
    for first, second in ((dark, bright), (bright, dark)):
        tones = match_tones(first, second)
        one, other = tones.first[first].astype(float), tones.second[second].astype(float)
        assert np.abs(one - other).mean() < 0.01 * 65535
        assert one[radiance > 0.3].std() == 0  # clipped in the brighter: clipped in both


def test_tone_curve_predicts_one_exposure_from_another() -> None:
    dark = np.random.default_rng(0).integers(0, 120, (100, 100)).astype(np.uint16)
    predicted = tone_curve(dark, dark * 2)[dark] * 65535
    assert np.abs(predicted - dark * 2.0).max() < 64  # one of 1024 bins


def test_codes_of_float_are_the_nearest_of_16_bits() -> None:
    np.testing.assert_array_equal(codes_of(np.array([[0, 0.5, 1, 1.2]], np.float32)), [[0, 32768, 65535, 65535]])


def test_search_finds_large_translation_and_rotation() -> None:
    texture = np.random.default_rng(3).normal(size=(200, 300)).astype(np.float32)
    import cv2

    texture = cv2.GaussianBlur(texture, (0, 0), 3)
    truth = HandShake((0.05, -0.04), 3.0).matrix(300, 200)
    shaken = cv2.warpPerspective(texture, truth, (300, 200))
    best = search_candidates(texture, shaken)[0]
    centre = np.array([[149.5, 99.5]])
    assert np.linalg.norm(apply(best, centre) - apply(truth, centre)) < 1.5


def test_salient_points_come_from_every_textured_tile() -> None:
    picture = np.random.default_rng(0).normal(size=(150, 240)).astype(np.float32)
    points = salient_points(picture)
    assert np.unique(points.tiles).size == points.tiles.max() + 1
    assert points.x.size <= picture.size // 4
    np.testing.assert_array_equal(points.values, picture[points.y, points.x])


def test_register_scores_the_correlation_of_frames() -> None:
    bracket = sample_bracket(480, 320, (-2, 2), seed=1, shake=HandShake.typical(3))
    pair, found = register(*(codes_of(picture[..., 1]) for picture in bracket.pictures))
    assert pair.scores(found.warp).mean > 0.8
    assert pair.scores(np.eye(3)).mean < 0.4
    assert np.all(np.linalg.eigvalsh(found.information) > 0)


@pytest.mark.parametrize(
    ("size", "expected"), [((1728, 1152), (1728, 1152)), ((6000, 4000), (1500, 1000)), ((1, 9_000_000), (1, 3_000_000))]
)
def test_large_pictures_are_compared_at_two_megapixels_or_less(size, expected) -> None:
    assert working_size(*size) == expected


def decision_on(before, after, *, shift=0.05, uncertainty=0.0, mode="auto"):
    weight = np.ones(len(before))
    scores = TileScores(np.array(before), weight), TileScores(np.array(after), weight)
    warp = from_parameters(np.eye(8)[0] * shift)
    halves = from_parameters(np.eye(8)[0] * (shift + uncertainty)), warp
    return accept(warp, halves, [scores], SIZE, mode)


def test_frame_is_moved_if_all_tiles_correlate_better() -> None:
    assert decision_on([0.5] * 40, [0.9] * 40).moved


@pytest.mark.parametrize(
    ("what", "mode", "arguments"),
    [
        ("no gain", "auto", {"before": [0.9] * 40, "after": [0.903] * 40}),
        ("a gain in a few tiles only", "auto", {"before": [0.5] * 40, "after": [0.5] * 38 + [0.9] * 2}),
        ("tiles that get worse", "auto", {"before": [0.7] * 160, "after": [0.9] * 120 + [0.5] * 40}),
        ("an uncertain warp", "auto", {"before": [0.5] * 40, "after": [0.9] * 40, "uncertainty": 0.04}),
        ("a tiny movement", "auto", {"before": [0.5] * 40, "after": [0.9] * 40, "shift": 0.001}),
        ("no correlation", "always", {"before": [0.01] * 40, "after": [0.05] * 40}),
        ("too few tiles", "always", {"before": [0.5] * 3, "after": [0.9] * 3}),
        ("a loss", "always", {"before": [0.6] * 40, "after": [0.5] * 40}),
        ("an implausible movement", "always", {"before": [0.5] * 40, "after": [0.9] * 40, "shift": 0.4}),
    ],
)
def test_frame_is_not_moved_for(what, mode, arguments) -> None:
    assert not decision_on(**arguments, mode=mode).moved


def test_mode_always_accepts_small_gains_and_movements() -> None:
    assert decision_on([0.9] * 40, [0.903] * 40, mode="always").moved
    assert decision_on([0.5] * 40, [0.9] * 40, shift=0.001, mode="always").moved
