"""Frames that differ in orientation or white balance are made to agree, equal ones are averaged, others stay."""

import numpy as np
import pytest
from builders.photographs import boxes, exposed

from lightfuse.brackets.agreement import averaged, white_balanced
from lightfuse.brackets.bracket import Frame, make_bracket
from lightfuse.images import ShotInfo
from lightfuse.options import FuseOptions
from lightfuse.pipeline import fuse_bracket

LIGHT = boxes(240, 160, seed=2, rise=1)


def bracket_of(*frames, times=None):
    shots = [ShotInfo(exposure_time=time) for time in times] if times else [ShotInfo()] * len(frames)
    named = [Frame(pixels, f"{n}.jpg", shot=shot) for n, (pixels, shot) in enumerate(zip(frames, shots, strict=True))]
    return make_bracket(named)


def test_equal_exposures_are_averaged_and_noise_falls():
    grey = np.full((160, 240, 3), 0.2)
    frames = [exposed(grey, noise=8, seed=seed) for seed in range(4)]
    bracket = averaged(bracket_of(*frames, exposed(grey, 2), times=[0.01] * 4 + [0.04]))
    assert len(bracket.frames) == 2
    assert bracket.frames[0].pixels.std() == pytest.approx(frames[0].std() / 2, rel=0.05)
    assert any(note.endswith("have one exposure and were averaged") for note in bracket.notes)
    assert len(bracket.relative_ev) == 2


def test_what_moved_between_equal_exposures_is_not_blurred():
    first, second = (exposed(LIGHT, noise=2, seed=seed) for seed in (1, 2))
    second[40:90, 60:120] = 250
    bracket = averaged(bracket_of(first, second, exposed(LIGHT, 3), times=[0.01, 0.01, 0.08]))
    inside = bracket.frames[0].pixels[48:82, 68:112]
    assert {tuple(inside.ravel())} <= {tuple(f[48:82, 68:112].ravel()) for f in (first, second)}


def test_two_equal_exposures_alone_give_their_mean():
    from lightfuse.fuser import Fuser

    frames = [exposed(LIGHT, noise=8, seed=seed) for seed in (1, 2)]
    fused = fuse_bracket(bracket_of(*frames), Fuser("base", 1), FuseOptions(align="off"))
    clean = exposed(LIGHT).astype(float)
    assert np.abs(fused.picture - clean).mean() < 0.8 * np.abs(frames[0] - clean).mean()
    assert "averaged" in fused.notes[-1]


def test_different_exposures_stay_as_they_are():
    bracket = bracket_of(*(exposed(LIGHT, ev) for ev in (-2, 0, 2)))
    assert averaged(bracket) is bracket
    black = bracket_of(exposed(LIGHT, -9), exposed(LIGHT, -7), exposed(LIGHT))
    assert averaged(black) is black


def test_another_white_balance_is_levelled_to_the_base():
    warm = LIGHT * np.array([1.35, 1.0, 0.7])
    frames = [exposed(warm, -2), exposed(LIGHT, 0), exposed(LIGHT, 2)]
    bracket = bracket_of(*frames)
    levelled = white_balanced(bracket)
    assert levelled.notes[-1].startswith("0.jpg: white balance levelled to that of ")
    as_base = exposed(LIGHT, -2).astype(float)
    before, after = (np.abs(pixels - as_base).mean() for pixels in (frames[0], levelled.frames[0].pixels))
    assert after < 0.25 * before


def test_one_white_balance_stays_as_it_is():
    bracket = bracket_of(*(exposed(LIGHT, ev, noise=2) for ev in (-2, 0, 2)))
    assert white_balanced(bracket) is bracket
