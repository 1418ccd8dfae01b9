"""Exposure selection: which frames of a bracket are fused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lightfuse.brackets.selection import extreme_pair, fuse_selection, select_exposures, selection_cost
from lightfuse.fuser import Fuser
from lightfuse.metrics.mef_ssim import mef_ssim
from tools.synthetic import sample_bracket

Array = NDArray[np.uint8]


def exposures(*evs: float, width: int = 240, height: int = 160) -> list[Array]:
    return [frame.copy() for frame in sample_bracket(width, height, evs).pictures]


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    return Fuser(threads=1)


def test_two_exposures_are_both_selected(fuser: Fuser) -> None:
    assert select_exposures(exposures(-2, 2)) == (0, 1)


@pytest.mark.slow
def test_black_and_white_extremes_are_not_selected_alone(fuser: Fuser) -> None:
    """One frame black, one white: only the frames between hold the scene."""
    frames = [np.zeros_like(exposures(0)[0]), *exposures(-1.5, 0, 1.5), np.full_like(exposures(0)[0], 255)]
    selection = select_exposures(frames)
    extremes = mef_ssim(fuser(frames[0], frames[-1]), frames)
    assert set(selection) & {1, 2, 3}
    assert mef_ssim(fuse_selection(selection, frames, fuser), frames) > extremes + 0.05


@pytest.mark.parametrize("evs", [(-4, -2, 0, 2, 4), (-6, -3, 0, 3), (-2, 0, 2)])
@pytest.mark.slow
def test_selection_never_scores_below_the_extreme_pair(evs: tuple[float, ...], fuser: Fuser) -> None:
    frames = exposures(*evs, width=480, height=320)
    chosen, extremes = select_exposures(frames), extreme_pair(len(frames))
    assert mef_ssim(fuse_selection(chosen, frames, fuser), frames) >= mef_ssim(
        fuse_selection(extremes, frames, fuser), frames
    )


def test_selection_keeps_the_only_frame_that_holds_a_highlight(fuser: Fuser) -> None:
    """A lamp clipped in all but the darkest exposure must not be given up for contrast elsewhere."""
    frames = exposures(-2, 0, 2, 4)
    for frame in frames[1:]:
        frame[40:100, 60:160] = 255
    frames[0][40:100, 60:160] = np.linspace(60, 200, 100, dtype=np.uint8)[None, :, None]
    assert 0 in select_exposures(frames)


def test_the_frame_that_shows_most_texture_is_selected() -> None:
    """All frames are equally well exposed; one of them is sharp."""
    blurred = [np.full((160, 240, 3), level, np.uint8) for level in (100, 110, 140, 150)]
    texture = np.tile(np.array([90, 130], np.uint8), (160, 120))[..., None].repeat(3, axis=2)
    for position in range(5):
        assert position in select_exposures([*blurred[:position], texture, *blurred[position:]])


def test_three_selected_exposures_are_fused_through_the_middle_one() -> None:
    frames = [np.full((2, 2, 3), level, np.float32) for level in (0.1, 0.4, 0.8)]
    joined = fuse_selection((0, 1, 2), frames, lambda a, b: a + 10 * b)
    assert joined == pytest.approx((0.1 + 4.0) + 10 * (0.4 + 8.0))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.slow
def test_selection_does_not_depend_on_bit_depth(dtype: type, fuser: Fuser) -> None:
    frames = exposures(-4, -2, 0, 2)
    deep = [(f.astype(np.uint16) * 257 if dtype is np.uint16 else f / np.float32(255)) for f in frames]
    assert select_exposures(deep) == select_exposures(frames)


@pytest.mark.parametrize(("position", "level"), [(0, 255), (-1, 0)], ids=["highlight", "shadow"])
@pytest.mark.parametrize("scale", [1, 4], ids=["thumbnail", "large"])
@pytest.mark.slow
def test_the_only_frame_that_holds_a_small_highlight_or_shadow_is_selected(
    position: int, level: int, scale: int, fuser: Fuser
) -> None:
    """A lamp, or a keyhole, of 0.2 % of the picture, that only the outermost frame holds."""
    frames = exposures(-4, -2, 0, 2, 4, width=240 * scale, height=160 * scale)
    side = slice(40 * scale, 49 * scale)
    for frame in frames:
        frame[side, side] = level
    frames[position][side, side] = 128
    assert select_exposures(frames)[position] == range(5)[position]


@pytest.mark.slow
def test_the_only_frame_that_holds_a_coloured_lamp_is_selected(fuser: Fuser) -> None:
    """Its red is clipped in the other frames, whose mean of the channels is far from white."""
    frames = exposures(-8, -6, -3, 0, 3)
    for frame in frames:
        frame[40:49, 40:49] = 255, 150, 90
    frames[0][40:49, 40:49] = 180, 75, 45
    assert select_exposures(frames)[0] == 0


def test_selection_cost_is_the_fraction_held_only_by_frames_left_out() -> None:
    frames = [np.full((64, 64, 3), level, np.uint8) for level in (30, 110, 250)]
    for frame in frames[1:]:
        frame[:16] = 255
    assert selection_cost(frames, (0, 1)) == 0
    assert selection_cost(frames, (1, 2)) == pytest.approx(0.25)
    assert selection_cost([frame.astype(np.uint16) * 257 for frame in frames], (1, 2)) == pytest.approx(0.25)


@pytest.mark.slow
@pytest.mark.parametrize("border", [0, 8])
def test_a_border_does_not_change_the_selection(border: int, fuser: Fuser) -> None:
    """A slide mount or letterbox, a few levels above black, of half the picture's width on each side."""
    frames = exposures(-4, -2, 0, 2, 4, width=240, height=160)
    framed = [np.pad(frame, ((80, 80), (120, 120), (0, 0)), constant_values=border // 2) for frame in frames]
    assert select_exposures(framed) == select_exposures(frames)
