import numpy as np
import pytest
from numpy.typing import NDArray

from lightfuse.brackets.recipe import best_recipe, extreme_recipe, fuse_by
from lightfuse.fuser import Fuser
from lightfuse.metrics import mef_ssim
from tools.synthetic import sample_bracket

Array = NDArray[np.uint8]


def exposures(*evs: float, width: int = 240, height: int = 160) -> list[Array]:
    return [frame.copy() for frame in sample_bracket(width, height, evs).pictures]


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    return Fuser(threads=1)


def test_two_exposures_are_the_pair(fuser: Fuser) -> None:
    assert best_recipe(exposures(-2, 2), fuser) == (0, 1)


def test_empty_extremes_give_way_to_exposures_that_hold_the_scene(fuser: Fuser) -> None:
    """One frame black, one white: their fusion says little, whatever lies between says all."""
    frames = [np.zeros_like(exposures(0)[0]), *exposures(-1.5, 0, 1.5), np.full_like(exposures(0)[0], 255)]
    recipe = best_recipe(frames, fuser)
    extremes = mef_ssim(fuser(frames[0], frames[-1]), frames)
    assert set(recipe) & {1, 2, 3}
    assert mef_ssim(fuse_by(recipe, frames, fuser), frames) > extremes + 0.05


@pytest.mark.parametrize("evs", [(-4, -2, 0, 2, 4), (-6, -3, 0, 3), (-2, 0, 2)])
def test_a_recipe_is_never_worse_than_the_extremes(evs: tuple[float, ...], fuser: Fuser) -> None:
    frames = exposures(*evs, width=480, height=320)
    chosen, extremes = best_recipe(frames, fuser), extreme_recipe(len(frames))
    assert mef_ssim(fuse_by(chosen, frames, fuser), frames) >= mef_ssim(fuse_by(extremes, frames, fuser), frames)


def test_what_only_the_darkest_recorded_is_kept(fuser: Fuser) -> None:
    """A lamp that all but the darkest exposure clip must not be given up for contrast elsewhere."""
    frames = exposures(-2, 0, 2, 4)
    for frame in frames[1:]:
        frame[40:100, 60:160] = 255
    frames[0][40:100, 60:160] = np.linspace(60, 200, 100, dtype=np.uint8)[None, :, None]
    assert 0 in best_recipe(frames, fuser)


def test_three_exposures_are_joined_over_the_middle_one() -> None:
    frames = [np.full((2, 2, 3), level, np.float32) for level in (0.1, 0.4, 0.8)]
    joined = fuse_by((0, 1, 2), frames, lambda a, b: a + 10 * b)
    assert joined == pytest.approx((0.1 + 4.0) + 10 * (0.4 + 8.0))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_choice_does_not_depend_on_the_depth(dtype: type, fuser: Fuser) -> None:
    frames = exposures(-4, -2, 0, 2)
    deep = [(f.astype(np.uint16) * 257 if dtype is np.uint16 else f / np.float32(255)) for f in frames]
    assert best_recipe(deep, fuser) == best_recipe(frames, fuser)


def test_a_strip_too_narrow_to_judge_gets_the_extremes(fuser: Fuser) -> None:
    frames = [f[:20] for f in exposures(-2, 0, 2)]
    assert best_recipe(frames, fuser) == (0, 2)
