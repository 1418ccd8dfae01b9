"""Tone measures on pictures whose figures can be worked out by hand."""

import math

import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.metrics.colour import rgb_to_lab
from lightfuse.metrics.tone import (
    border_change,
    clipped_though_held,
    highlight_separation,
    luma_above_inputs,
    with_black_border,
)


def grey(level: int, height: int = 20, width: int = 30) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def side_by_side(*pictures: np.ndarray) -> np.ndarray:
    return np.concatenate(pictures, axis=1)


def l_star(level: int) -> float:
    return float(rgb_to_lab(grey(level, 1, 1))[0, 0, 0])


def test_luma_above_inputs_is_the_mean_excess_over_the_brighter_input() -> None:
    """A third of the picture 30 levels above over, a third between the two, a third below both."""
    under, over = grey(40, width=90), grey(100, width=90)
    fused = side_by_side(grey(130), grey(70), grey(10))
    assert luma_above_inputs(fused, under, over) == pytest.approx(10, abs=1e-4)


def test_luma_above_inputs_takes_the_brighter_input_at_each_pixel() -> None:
    first, second = side_by_side(grey(40), grey(200)), side_by_side(grey(100), grey(60))
    assert luma_above_inputs(side_by_side(grey(100), grey(200)), first, second) == 0
    assert luma_above_inputs(side_by_side(grey(104), grey(200)), first, second) == pytest.approx(2, abs=1e-4)


def test_luma_above_inputs_weighs_the_channels_as_luma_does() -> None:
    fused = grey(100)
    fused[..., 1] += 10
    assert luma_above_inputs(fused, grey(0), grey(100)) == pytest.approx(5.87, abs=1e-4)


def test_tone_is_measured_after_rounding_to_eight_bits() -> None:
    fused = np.full((20, 30, 3), 100.4 / 255)
    assert luma_above_inputs(fused, grey(40), grey(100)) == 0


def test_held_highlights_are_clipped_in_over_and_well_exposed_in_under() -> None:
    levels_of_under = (10, 60, 128, 250, 128, 128)  # L* 2.7, 24.9, 53.6, 98.3
    least_channel_of_over = (255, 255, 248, 255, 247, 100)
    held = []
    for level, least in zip(levels_of_under, least_channel_of_over, strict=True):
        over = grey(255)
        over[..., 2] = least
        held.append(not math.isnan(highlight_separation(grey(128), grey(level), over).spread))
    assert held == [0, 1, 1, 0, 0, 0]


def test_highlight_separation_looks_only_where_under_alone_holds_the_scene() -> None:
    """Left half a window of two tones, right half a room that over holds."""
    under = side_by_side(grey(100), grey(140), grey(2, width=60))
    over = side_by_side(grey(255, width=60), grey(120, width=60))
    fused = side_by_side(grey(180), grey(220), grey(60, width=60))
    measured = highlight_separation(fused, under, over)
    assert measured.mean == pytest.approx((l_star(180) + l_star(220)) / 2)
    assert measured.spread == pytest.approx(l_star(220) - l_star(180))


def test_highlight_spread_is_between_the_tenth_and_the_ninetieth_percentile() -> None:
    """Of 100 equal columns, 5 % at either end do not count."""
    levels = np.linspace(100, 200, 101).round().astype(np.uint8)
    fused = np.repeat(levels[None, :, None], 3, axis=2).repeat(4, axis=0)
    measured = highlight_separation(fused, np.full_like(fused, 128), np.full_like(fused, 255))
    assert measured.spread == pytest.approx(l_star(190) - l_star(110))


def test_local_contrast_is_relative_to_the_under_exposed_picture() -> None:
    """A checkerboard's standard deviation is half its step."""
    board = (np.indices((40, 40)).sum(axis=0) % 2)[..., None].repeat(3, axis=2)
    under, fused = (np.where(board, high, low).astype(np.uint8) for low, high in ((100, 140), (180, 200)))
    measured = highlight_separation(fused, under, np.full_like(under, 255))
    expected = (l_star(200) - l_star(180)) / (l_star(140) - l_star(100))
    assert measured.local_contrast == pytest.approx(expected, rel=1e-2)


def test_local_contrast_of_highlights_does_not_count_their_edges() -> None:
    """A window beside a dark wall is flat within, however far the wall is from it."""
    under = side_by_side(grey(100), grey(2))
    under[::2, :30] += 40
    fused = side_by_side(grey(150), grey(2))
    over = side_by_side(grey(255), grey(40))
    assert highlight_separation(fused, under, over).local_contrast == pytest.approx(0, abs=1e-5)
    assert math.isnan(highlight_separation(fused, side_by_side(grey(100), grey(2)), over).local_contrast)


def test_separation_of_too_few_highlights_is_not_measured() -> None:
    measured = highlight_separation(grey(90), grey(40), grey(140))
    assert all(map(math.isnan, measured))


def test_clipped_though_held_counts_what_some_exposure_holds() -> None:
    """Clipped and held by under, clipped and held by none, held and not clipped, one channel short of clipped."""
    under = side_by_side(grey(128), grey(240), grey(128), grey(128))
    over = grey(255, width=120)
    fused = side_by_side(grey(250), grey(255), grey(249), grey(255))
    fused[:, 90:, 2] = 200
    assert clipped_though_held(fused, [under, over]) == pytest.approx(25)
    assert clipped_though_held(fused, [over]) == 0


def test_clipping_is_measured_against_every_exposure() -> None:
    fused, black, white = grey(255), grey(0), grey(255)
    assert clipped_though_held(fused, [black, grey(100), white]) == 100


def test_a_border_does_not_change_a_pixelwise_method() -> None:
    exposures = [np.random.default_rng(seed).integers(0, 256, (24, 37, 3), dtype=np.uint8) for seed in (1, 2)]
    assert border_change(lambda pair: pair[0] // 2 + pair[1] // 2, exposures) == 0


def test_border_change_is_that_of_the_worst_border_inside_it() -> None:
    """A method that darkens by a level for every column more than 50: a quarter on either side makes them 100."""

    def darkened_by_width(pair: list[np.ndarray]) -> np.ndarray:
        return np.maximum(pair[0], 60) - np.uint8(pair[0].shape[1] - 50)

    assert border_change(darkened_by_width, [grey(250, 20, 50), grey(255, 20, 50)], fractions=(0.25, 0.04)) == 50


def test_a_black_border_is_a_fraction_of_the_whole_width_and_height() -> None:
    framed = with_black_border(grey(200, 20, 30), 0.4)
    assert framed.shape == (100, 150, 3)
    assert (framed[40:60, 60:90] == 200).all()
    assert int((framed > 0).sum()) == 20 * 30 * 3


@pytest.mark.parametrize("measure", [luma_above_inputs, highlight_separation])
def test_tone_of_pictures_of_two_sizes_is_refused(measure) -> None:
    with pytest.raises(PictureError, match="resize"):
        measure(grey(1), grey(1), grey(1, height=21))
