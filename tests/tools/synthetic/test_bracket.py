import numpy as np
import pytest

from tools.synthetic import Camera, HandShake, Scene, moving_object, sample_bracket, sample_pair, tone_mapped


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
    still = sample_bracket(240, 160, (0, 0), noise=False, shake=shake)
    rolling = sample_bracket(240, 160, (0, 0), noise=False, shake=shake, moving=True)
    outside = ~rolling.masks[1]
    assert np.array_equal(still.pictures[1][outside], rolling.pictures[1][outside])
    assert not np.array_equal(still.pictures[1], rolling.pictures[1])


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
