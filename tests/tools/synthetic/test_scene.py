import numpy as np
import pytest

import tools.synthetic as samples
from tools.synthetic import Scene, chart_patches
from tools.synthetic.furniture import CHART_ILLUMINANCE, CHART_REFLECTANCES
from tools.synthetic.window import SKY_LIMIT

LUMA = np.array([0.2126, 0.7152, 0.0722])


def averaged(light: np.ndarray, factor: int) -> np.ndarray:
    height, width = light.shape[0] // factor, light.shape[1] // factor
    return light.reshape(height, factor, width, factor, 3).mean((1, 3))


def test_every_public_name_exists_and_the_list_is_sorted() -> None:
    assert samples.__all__ == sorted(samples.__all__)
    assert all(hasattr(samples, name) for name in samples.__all__)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (7, 1), (3, 2), (17, 13), (120, 20), (20, 120)])
def test_any_size_and_shape_renders_as_finite_light(width: int, height: int) -> None:
    light = Scene().render(width, height)
    assert light.shape == (height, width, 3)
    assert light.dtype == np.float32
    assert np.isfinite(light).all()
    assert light.min() > 0


def test_the_same_seed_renders_the_same_light_and_another_seed_another() -> None:
    assert np.array_equal(Scene(3).render(120, 80), Scene(3).render(120, 80))
    assert np.abs(Scene(3).render(120, 80) - Scene(4).render(120, 80)).mean() > 0.01


@pytest.mark.parametrize("seed", range(4))
def test_the_range_is_more_than_13_stops_and_the_exposures_hold_both_ends(seed: int) -> None:
    light = Scene(seed).render(300, 200)
    luminance = light @ LUMA
    assert np.log2(np.percentile(luminance, 99.9) / np.percentile(luminance, 0.1)) > 13
    assert light.max() <= SKY_LIMIT
    # +3 EV lifts the deepest shadow above the first few codes of 8 bits (12.92 is the slope of sRGB in the dark).
    assert np.percentile(luminance, 0.1) * 8 * 12.92 * 255 > 6


def test_a_picture_of_twice_the_size_averages_to_the_picture() -> None:
    light, twice = Scene().render(450, 300), averaged(Scene().render(900, 600), 2)
    stops = np.abs(np.log2(twice / light))
    assert np.median(stops) < 0.02
    assert np.percentile(stops, 95) < 0.25
    # A picture of another seed is nowhere near as close.
    assert np.median(np.abs(np.log2(Scene(1).render(450, 300) / light))) > 0.2


def test_a_tiny_picture_is_the_average_of_a_large_one() -> None:
    tiny, large = Scene().render(15, 10), averaged(Scene().render(600, 400), 40)
    assert np.abs(tiny - large).mean() < 0.02 * large.mean()


def test_a_margin_shows_more_and_leaves_the_middle_as_it_was() -> None:
    light, wide = Scene().render(300, 203), Scene().render(300, 203, margin=9)
    assert wide.shape == (221, 318, 3)
    np.testing.assert_allclose(wide[9:-9, 9:-9], light, rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize(("width", "height"), [(450, 300), (700, 200), (250, 400)])
def test_colour_patches_hold_their_documented_light(width: int, height: int) -> None:
    light, patches = Scene().render(width, height), chart_patches(width, height)
    assert len(patches) == 24
    for patch, reflectance in zip(patches, CHART_REFLECTANCES, strict=True):
        np.testing.assert_allclose(patch.light, reflectance * CHART_ILLUMINANCE, rtol=1e-6)
        seen = light[patch.rows, patch.columns]
        np.testing.assert_allclose(seen, np.broadcast_to(patch.light, seen.shape), rtol=1e-5)


def test_the_chart_reflectances_are_its_srgb_codes_decoded() -> None:
    # Nominal codes of "white" (243, 243, 242) and "orange" (214, 126, 44), decoded by hand.
    np.testing.assert_allclose(CHART_REFLECTANCES[18], [0.8963, 0.8963, 0.8879], atol=2e-4)
    np.testing.assert_allclose(CHART_REFLECTANCES[6], [0.6724, 0.2086, 0.0252], atol=2e-4)


def test_a_picture_too_small_for_the_chart_has_no_patches() -> None:
    assert chart_patches(8, 5) == []


@pytest.mark.parametrize(("width", "height", "margin"), [(0, 5, 0), (5, -1, 0), (5, 5, -1)])
def test_an_impossible_size_is_refused(width: int, height: int, margin: int) -> None:
    with pytest.raises(ValueError, match="cannot be rendered"):
        Scene().render(width, height, margin=margin)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed"):
        Scene(-1)
