"""Runs of exposure bracketing of one scene: joined where that is asked for, otherwise hinted at."""

import numpy as np
import pytest
from builders.photographs import boxes, exposed, write_shot

from lightfuse.brackets.grouping import GroupSettings, group_folder
from lightfuse.errors import DataError

EVS = (0, -2, 2)
SCENE, OTHER = boxes(seed=1), boxes(seed=2)


def write_runs(folder, lights, *, evs=(EVS, EVS), pause=1.5, **facts):
    """A run of each of some scenes' light, ``pause`` seconds between runs: IMG_00.jpg, IMG_01.jpg, then IMG_10.jpg."""
    seconds = 0.0
    for run, (light, steps) in enumerate(zip(lights, evs, strict=True)):
        for step, ev in enumerate(steps):
            write_shot(folder / f"IMG_{run}{step}.jpg", ev, seconds, pixels=exposed(light, ev), **facts)
            seconds += 0.4
        seconds += pause - 0.4


def found(folder, **settings):
    """Names of each bracket's shots, its notes, and the notes of all."""
    grouping = group_folder(folder, GroupSettings(**settings))
    brackets = [[shot.path.stem[4:] for shot in bracket.shots] for bracket in grouping.brackets]
    return brackets, [bracket.notes for bracket in grouping.brackets], grouping.notes


FIRST, SECOND = ["00", "01", "02"], ["10", "11", "12"]
HINT = "the brackets of IMG_00.jpg and IMG_10.jpg show one scene; --join makes them one"


@pytest.mark.parametrize("evs", [(EVS, EVS), (EVS, (-2, -4, 0))])
def test_two_runs_of_one_scene_are_joined_if_asked_and_hinted_at_otherwise(tmp_path, evs):
    write_runs(tmp_path, [SCENE, np.roll(SCENE, (3, -8), (0, 1))], evs=evs)
    assert found(tmp_path, join=True) == ([FIRST + SECOND], [("2 brackets of one scene were joined",)], ())
    assert found(tmp_path) == ([FIRST, SECOND], [(), ()], (HINT,))


def test_three_runs_are_joined_and_a_sequence_is_not_hinted_at(tmp_path):
    write_runs(tmp_path, [SCENE] * 3, evs=[EVS] * 3)
    brackets, notes, _ = found(tmp_path, join=True)
    assert ([len(bracket) for bracket in brackets], notes) == ([9], [("3 brackets of one scene were joined",)])
    assert found(tmp_path)[2] == ()


@pytest.mark.parametrize(
    ("lights", "evs", "pause"),
    [
        pytest.param([SCENE, OTHER], (EVS, EVS), 1.5, id="other scene"),
        pytest.param([SCENE[:, :200], SCENE[:, 120:]], (EVS, EVS), 1.5, id="tiles of a panorama"),
        pytest.param([SCENE, SCENE], (EVS, EVS), 60, id="later"),
        pytest.param([SCENE, SCENE], (EVS, (-6, -4, -8)), 10, id="exposures apart"),
    ],
)
def test_other_runs_stay_apart(tmp_path, lights, evs, pause):
    write_runs(tmp_path, lights, evs=evs, pause=pause, mode=2)
    brackets, notes, _ = found(tmp_path, join=True)
    assert (brackets, notes) == ([FIRST, SECOND], [(), ()])
    assert found(tmp_path)[2] == ()


def test_a_pause_is_measured_from_the_end_of_long_exposures(tmp_path):
    """With noise reduction, of an exposure of 30 s another 30 s pass until it is over."""
    for step, (ev, seconds) in enumerate([(7, 0), (9, 6), (10.9, 24), (7, 94), (9, 100), (10.9, 118)]):
        write_shot(tmp_path / f"IMG_{step}.jpg", ev, seconds, pixels=exposed(SCENE, ev - 9))
    assert [len(bracket) for bracket in found(tmp_path)[0]] == [3, 3]
    assert [len(bracket) for bracket in found(tmp_path, join=True)[0]] == [6]


def test_joined_brackets_are_fused_to_one_picture_and_the_summary_says_so(tmp_path, lightfuse_program):
    write_runs(tmp_path / "in", [SCENE, SCENE])
    ended = lightfuse_program("batch", tmp_path / "in", "-o", tmp_path / "out", "--join")
    assert ended.code == 0, ended
    assert [path.name for path in (tmp_path / "out").glob("*.jpg")] == ["IMG_00_fused.jpg"]
    assert "2 brackets of one scene were joined" in ended.out
    assert ended.out.count("have one exposure and were averaged") == 3
    ended = lightfuse_program("batch", tmp_path / "in", "-o", tmp_path / "out", "--dry-run")
    assert HINT in ended.err


@pytest.mark.parametrize("settings", [{"count": 3}, {"by": "folder"}, {"pattern": "{scene}_{n}"}])
def test_joining_is_for_brackets_found_by_exif(settings):
    with pytest.raises(DataError, match="--join is for brackets found by EXIF"):
        GroupSettings(join=True, **settings)
