import colorsys
import math

import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.metrics.colour import (
    best_exposed,
    chroma_ratio,
    delta_e_2000,
    hue_error,
    mean_delta_e,
    rgb_to_lab,
)

# Sharma, Wu, Dalal 2005, table 1: L a b of either colour, and their difference.
PUBLISHED_PAIRS = np.array(
    [
        [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
        [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
        [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
        [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
        [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
        [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
        [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
        [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
        [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
        [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


def solid(red: float, green: float, blue: float) -> np.ndarray:
    return np.full((4, 5, 3), (red, green, blue), dtype=np.float64)


def colourful(height: int = 20) -> np.ndarray:
    return np.random.default_rng(2).random((height, 30, 3))


def test_delta_e_matches_published_test_data() -> None:
    first, second, expected = PUBLISHED_PAIRS[:, :3], PUBLISHED_PAIRS[:, 3:6], PUBLISHED_PAIRS[:, 6]
    np.testing.assert_allclose(delta_e_2000(first, second), expected, atol=6e-5)
    np.testing.assert_allclose(delta_e_2000(second, first), expected, atol=6e-5)


@pytest.mark.slow
def test_lab_agrees_with_scikit_image() -> None:
    from skimage.color import rgb2lab

    picture = np.concatenate([colourful(), colourful() * 0.03])
    np.testing.assert_allclose(rgb_to_lab(picture), rgb2lab(picture), atol=0.05)


def test_lab_of_red() -> None:
    np.testing.assert_allclose(rgb_to_lab(solid(1, 0, 0))[0, 0], [53.24, 80.09, 67.20], atol=0.03)


def test_greys_have_no_chroma_and_white_has_full_lightness() -> None:
    greys = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    lab = rgb_to_lab(greys)
    np.testing.assert_allclose(lab[..., 1:], 0, atol=1e-9)
    assert lab[0, 0, 0] == pytest.approx(0, abs=1e-9)
    assert lab[0, 255, 0] == pytest.approx(100)


def test_mean_delta_e_is_over_the_whole_picture() -> None:
    """Taller than the strips a big picture is cut into."""
    result, reference = colourful(600), colourful(600)[::-1]
    expected = delta_e_2000(rgb_to_lab(result), rgb_to_lab(reference)).mean()
    assert mean_delta_e(result, reference) == pytest.approx(expected, rel=1e-9)


def test_hue_error_is_the_angle_between_lab_hues() -> None:
    red, green = rgb_to_lab(solid(1, 0, 0))[0, 0], rgb_to_lab(solid(0, 1, 0))[0, 0]
    angle = math.degrees(math.atan2(green[2], green[1]) - math.atan2(red[2], red[1]))
    assert hue_error(solid(1, 0, 0), solid(0, 1, 0)) == pytest.approx(angle, abs=1e-3)


def test_hue_error_takes_the_smaller_angle() -> None:
    """Two blues-to-pinks on either side of Lab's hue ±180 degrees are near, not a full turn apart."""
    just_above, just_below = solid(0, 0.6, 0.505), solid(0, 0.6, 0.54)
    hues = [math.degrees(math.atan2(lab[2], lab[1])) for lab in (rgb_to_lab(p)[0, 0] for p in (just_above, just_below))]
    assert hues[0] > 150
    assert hues[1] < -150
    assert hue_error(just_above, just_below) == pytest.approx(360 - hues[0] + hues[1], abs=1e-3)


def test_hue_error_ignores_grey_reference_pixels() -> None:
    reference = np.concatenate([solid(0.5, 0.5, 0.5), solid(0.9, 0.2, 0.2)])
    result = np.concatenate([solid(0.2, 0.2, 0.9), solid(0.9, 0.2, 0.2)])
    assert hue_error(result, reference) == 0
    assert hue_error(reference, result) > 0
    assert math.isnan(hue_error(result, np.full_like(result, 0.5)))


def test_hue_error_grows_with_hue_rotation() -> None:
    def turned(turn: float) -> np.ndarray:
        return solid(*colorsys.hsv_to_rgb(0.6 + turn, 0.7, 0.8))

    errors = [hue_error(turned(turn), turned(0)) for turn in (0, 0.02, 0.05, 0.1)]
    assert errors == sorted(errors)
    assert errors[0] == 0
    assert errors[1] > 1


def test_chroma_ratio_of_half_mixed_with_grey_is_below_one_and_of_itself_one() -> None:
    picture = colourful()
    assert chroma_ratio(picture, picture) == pytest.approx(1)
    assert 0.3 < chroma_ratio((picture + 0.5) / 2, picture) < 0.7
    assert math.isnan(chroma_ratio(picture, np.full_like(picture, 0.4)))


def test_chroma_ratio_is_a_ratio_of_means_and_not_a_mean_of_ratios() -> None:
    strong, weak, grey = solid(0.9, 0.1, 0.1), solid(0.52, 0.5, 0.5), solid(0.5, 0.5, 0.5)

    def chroma(picture: np.ndarray) -> float:
        return float(np.hypot(*rgb_to_lab(picture)[0, 0, 1:]))

    ratio = chroma_ratio(np.concatenate([strong, grey]), np.concatenate([strong, weak]))
    assert ratio == pytest.approx(chroma(strong) / (chroma(strong) + chroma(weak)))


def test_without_reference_each_pixel_is_compared_with_its_best_exposed_input() -> None:
    """Left the under-exposed frame is the better one, right the over-exposed."""
    under = np.concatenate([solid(0.8, 0.4, 0.3), solid(0.05, 0.0, 0.0)], axis=1)
    over = np.concatenate([solid(1.0, 1.0, 0.9), solid(0.3, 0.5, 0.6)], axis=1)
    best = np.concatenate([solid(0.8, 0.4, 0.3), solid(0.3, 0.5, 0.6)], axis=1)
    np.testing.assert_allclose(best_exposed([under, over]), best, atol=1e-6)
    assert hue_error(best, best_exposed([under, over])) == 0
    assert chroma_ratio(best, best_exposed([under, over])) == pytest.approx(1)
    middle = np.concatenate([solid(0.45, 0.5, 0.5)] * 2, axis=1)  # Of three it is the best one right.
    of_three = np.concatenate([solid(0.8, 0.4, 0.3), solid(0.45, 0.5, 0.5)], axis=1)
    np.testing.assert_allclose(best_exposed([under, middle, over]), of_three, atol=1e-6)


def test_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(PictureError, match="resize"):
        hue_error(colourful(20), colourful(21))
    with pytest.raises(PictureError, match="input 2 is 30×21"):
        best_exposed([colourful(20), colourful(21)])
