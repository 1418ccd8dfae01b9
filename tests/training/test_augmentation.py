"""Augmentation: what may change of a sample, and what must not."""

import numpy as np
import pytest
from builders.runs import override

from lightfuse.training.augmentation import augmented, with_border
from lightfuse.training.settings import TrainSettings

OFF = TrainSettings("small", white_balance=0, exposure_gap=0, noise=0, jpeg=0)


@pytest.fixture
def sample():
    random = np.random.default_rng(0)
    crop = random.integers(20, 200, (48, 48, 9), dtype=np.uint8)
    return random.integers(20, 200, (16, 24, 6), dtype=np.uint8), crop


def change(sample, words, labelled=True, seed=1):
    return augmented(*sample, override(OFF, words), np.random.default_rng(seed), labelled=labelled)


def test_without_augmentation_samples_are_only_scaled(sample):
    thumb, planes = change(sample, [])
    np.testing.assert_allclose(thumb, sample[0].transpose(2, 0, 1) / 255, atol=1e-6)
    np.testing.assert_allclose(planes[:9], sample[1].transpose(2, 0, 1) / 255, atol=1e-6)
    assert not planes[9:].any()


def test_jpeg_changes_both_exposures_but_not_reference_and_thumbnail(sample):
    before, after = change(sample, []), change(sample, ["jpeg=1"])
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1][6:], before[1][6:])
    for exposure in (slice(0, 3), slice(3, 6)):
        assert 0.005 < np.abs(after[1][exposure] - before[1][exposure]).mean() < 0.3


def test_noise_is_added_to_the_dark_exposure_only(sample):
    before, after = change(sample, [])[1], change(sample, ["noise=1"])[1]
    np.testing.assert_array_equal(after[3:], before[3:])
    assert 0.001 < (after[:3] - before[:3]).std() < 0.03


def test_white_balance_is_the_same_in_exposures_and_reference(sample):
    before, after = change(sample, []), change(sample, ["white_balance=1"])
    gains = (after[1][:3] / before[1][:3]).mean(axis=(1, 2), keepdims=True)
    assert np.ptp(gains) > 1e-3
    for old, new in ((before[1], after[1]), (before[0], after[0])):
        for first in range(0, len(old), 3):
            np.testing.assert_allclose(new[first : first + 3], old[first : first + 3] * gains, rtol=1e-4)
    assert (gains <= 1 + 1e-6).all()


def test_dimming_darkens_exposures_fully_and_reference_by_half(sample):
    before, after = change(sample, []), change(sample, ["dim=1"])
    gain = (after[0] / before[0]).mean()
    assert 2 ** (-4 / 2.2) <= gain < 0.95
    np.testing.assert_allclose(after[0], before[0] * gain, rtol=1e-4)
    np.testing.assert_allclose(after[1][:6], before[1][:6] * gain, rtol=1e-4)
    np.testing.assert_allclose(after[1][6:], before[1][6:] * gain**0.5, rtol=1e-4)


def test_a_wider_gap_darkens_under_or_brightens_over(sample):
    seen = set()
    before = change(sample, [])[1]
    for seed in range(20):
        after = change(sample, ["exposure_gap=1"], labelled=False, seed=seed)[1]
        np.testing.assert_array_equal(after[6:], before[6:])
        darker, brighter = (after[:3] < before[:3]).any(), (after[3:6] > before[3:6]).any()
        assert not (after[:3] > before[:3]).any()
        assert not (after[3:6] < before[3:6]).any()
        seen |= {"under"} if darker else set()
        seen |= {"over"} if brighter else set()
    assert seen == {"under", "over"}


@pytest.mark.parametrize("seed", range(12))
def test_border_moves_the_crop_with_the_scene(seed):
    """A thumbnail that says of each cell where it lies, and a crop cut from its middle, still agree in a border."""
    rows, columns = 64, 96
    thumb = np.empty((6, rows, columns), np.float32)
    thumb[:3] = 0.2 + 0.6 * ((np.arange(rows) + 0.5) / rows)[:, None]
    thumb[3:] = 0.2 + 0.6 * ((np.arange(columns) + 0.5) / columns)[None, :]
    places = [(0.45, 0.1), (0.4, 0.2)]
    planes = np.full((12, 16, 16), 0.5, np.float32)
    moved = with_border(thumb, planes, places, np.random.default_rng(seed))
    for axis, (plane, side) in enumerate(((0, rows), (3, columns))):
        start, extent = moved[axis]
        cell = int((start + extent / 2) * side)
        other = int((moved[1 - axis][0] + moved[1 - axis][1] / 2) * thumb.shape[2 - axis])
        value = thumb[plane][(cell, other) if axis == 0 else (other, cell)]
        assert value == pytest.approx(0.2 + 0.6 * (places[axis][0] + places[axis][1] / 2), abs=0.05)


def test_border_hides_the_crop_where_it_hides_the_thumbnail():
    thumb, places = np.full((6, 64, 96), 0.8, np.float32), [(0.0, 1.0), (0.0, 1.0)]
    hidden = 0
    for seed in range(30):
        planes = np.full((12, 32, 32), 0.8, np.float32)
        again = with_border(thumb.copy(), planes, places, np.random.default_rng(seed))
        if again == places:  # bars or a disc
            hidden += 1
            assert (planes[3:6] < 0.3).any()
            assert (planes[3:6] == np.float32(0.8)).any()
    assert hidden > 5
