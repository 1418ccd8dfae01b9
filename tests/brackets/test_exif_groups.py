"""Shots of one folder grouped into brackets by EXIF."""

import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lightfuse.brackets.exif_groups import Shot, group_by_exif, split_by_exposure
from lightfuse.images import ShotInfo

NOON = datetime(2026, 6, 21, 12)


def shots(evs, seconds=None, *, first=1, **facts):
    """Shots IMG_0001.jpg and on; a fact is one value for all, or a list."""

    def shot(i):
        own = {name: value[i] if isinstance(value, list) else value for name, value in facts.items()}
        taken = NOON + timedelta(seconds=seconds[i]) if seconds is not None else None
        info = ShotInfo(exposure_time=2.0 ** evs[i] / 60, f_number=8.0, iso=100.0, taken=taken, **own)
        return Shot(Path(f"IMG_{first + i:04d}.jpg"), info)

    return [shot(i) for i in range(len(evs))]


def names(groups):
    return [[int(shot.path.stem[-4:]) for shot in group] for group in groups]


def left(found):
    return {int(out.path.stem[-4:]): out.reason for out in found.left_out}


def test_long_gaps_separate_brackets():
    evs = [0, -2, 2, 4, 2.5, 6.5]
    found = group_by_exif(shots(evs, [0, 0.5, 1, 9, 9.5, 10]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]
    assert (left(found), found.with_exposure) == ({}, 6)


def test_repeating_exposures_separate_brackets_without_gaps():
    found = group_by_exif(shots([0, -2, 2] * 3, [0.5 * i for i in range(9)]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_evenly_slow_shots_are_not_separated_by_time():
    found = group_by_exif(shots([0, -2, 2] * 3, [8 * i for i in range(9)]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_exposure_time_is_not_part_of_the_gap():
    evs = [0, 10.9, 5]  # The second takes 32 s.
    assert names(group_by_exif(shots(evs, [0, 0.5, 33])).groups) == [[1, 2, 3]]


def test_longest_gap_can_be_set():
    two = shots([0, -2], [0, 20])
    assert names(group_by_exif(two).groups) == [[1, 2]]
    assert names(group_by_exif(two, max_gap=10).groups) == []


def test_time_stamps_in_whole_seconds_suffice():
    found = group_by_exif(shots([0, -2, 2, 1, -1, 3], [0, 0, 1, 12, 13, 13]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]


def test_shots_are_ordered_by_time_not_name():
    found = group_by_exif(shots([0, -2, 2, 0.5, -1.5, 2.5], [100, 101, 102, 0, 1, 2]))
    assert names(found.groups) == [[4, 5, 6], [1, 2, 3]]


def test_shots_without_time_are_ordered_by_name():
    found = group_by_exif(shots([0, -2, 2] * 2))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]


def test_exposure_compensation_groups_brackets_while_metering_varies():
    evs = [0, -2, 2, 3.4, 1.4, 5.4]
    found = group_by_exif(shots(evs, [0, 1, 2, 3, 4, 5], exposure_bias=[0.0, -2.0, 2.0] * 2, exposure_mode=2))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]


def test_shots_of_two_cameras_are_not_mixed():
    evs, seconds = [0, -2, 2], [0, 1, 2]
    mixed = shots(evs, seconds, model="A", serial="1") + shots([-2, 2], [0.5, 1.5], first=4, model="A", serial="2")
    assert sorted(names(group_by_exif(mixed).groups)) == [[1, 2, 3], [4, 5]]


def test_a_shot_not_tagged_as_bracketing_is_left_out():
    found = group_by_exif(shots([1, 0, -2, 2], [0, 1, 1.5, 2], exposure_mode=[0, 2, 2, 2]))
    assert names(found.groups) == [[2, 3, 4]]
    assert left(found) == {1: "there is no second exposure of its scene"}


def test_separately_metered_pictures_are_not_a_bracket():
    found = group_by_exif(shots([0, 1, -1], [0, 5, 10], exposure_bias=0.0, exposure_mode=0))
    assert found.groups == []
    assert all("metered" in reason for reason in left(found).values())
    assert sorted(left(found)) == [1, 2, 3]


@pytest.mark.parametrize("evs", [[0, 0, 0], [0, 0.33, 0.33]])
def test_a_burst_is_not_a_bracket(evs):
    found = group_by_exif(shots(evs, [0, 0.2, 0.4]))
    assert found.groups == []
    assert sorted(left(found)) == [1, 2, 3]


def test_a_repeated_exposure_is_left_out():
    found = group_by_exif(shots([-2, 0, 0, 2], [0, 1, 2, 3]))
    assert names(found.groups) == [[1, 2, 4]]
    assert left(found) == {3: "it repeats the exposure of IMG_0002.jpg"}


def test_a_shot_without_exposure_is_left_out_and_the_others_grouped():
    some = shots([0, -2, 2], [0, 1, 2])
    some.insert(1, Shot(Path("IMG_0009.jpg")))
    found = group_by_exif(some)
    assert names(found.groups) == [[1, 2, 3]]
    assert left(found) == {9: "its EXIF tells no exposure"}
    assert found.with_exposure == 3


def test_exposure_compensation_alone_suffices():
    bare = [
        Shot(Path(f"IMG_{i:04d}.jpg"), ShotInfo(exposure_bias=bias)) for i, bias in enumerate([0.0, -1.0, 1.0] * 2, 1)
    ]
    assert names(group_by_exif(bare).groups) == [[1, 2, 3], [4, 5, 6]]


def test_brackets_by_aperture_and_by_iso():
    info = {"exposure_time": 1 / 60, "taken": NOON}
    by_iso = [Shot(Path(f"IMG_{i:04d}.jpg"), ShotInfo(iso=iso, **info)) for i, iso in enumerate([100.0, 400.0], 1)]
    by_stop = [Shot(Path(f"IMG_{i:04d}.jpg"), ShotInfo(f_number=n, **info)) for i, n in enumerate([4.0, 8.0], 1)]
    for pair, difference in ((by_iso, 2), (by_stop, -2)):
        assert pair[1].ev - pair[0].ev == pytest.approx(difference)
        assert names(group_by_exif(pair).groups) == [[1, 2]]


@pytest.mark.parametrize("mode", [0, 2])
def test_a_burst_that_the_camera_metered_is_not_a_bracket(mode):
    """Without exposure compensation, and less than a bracket's steps apart."""
    found = group_by_exif(shots([0, 0.33, 0.67, 1], [0, 0.2, 0.4, 0.6], exposure_bias=0.0, exposure_mode=mode))
    assert names(found.groups) == ([] if mode == 0 else [[1, 2, 3, 4]])


def test_pauses_within_brackets_do_not_divide_them():
    seconds = [bracket * 3.2 + second for bracket in range(4) for second in (0, 0.2, 1.4)]
    assert names(group_by_exif(shots([0, -2, 2] * 4, seconds)).groups) == [[i, i + 1, i + 2] for i in (1, 4, 7, 10)]


def test_what_the_camera_merged_itself_is_left_out_of_its_bracket():
    some = shots([0, -2, 2, 1], [0, 0.3, 0.6, 1], rendered=[False, False, False, True])
    found = group_by_exif(some)
    assert names(found.groups) == [[1, 2, 3]]
    assert left(found) == {4: "it was made from others, or by a special process of the camera"}


def test_a_bracket_that_was_rendered_throughout_is_a_bracket():
    assert names(group_by_exif(shots([0, -2, 2], [0, 1, 2], rendered=True)).groups) == [[1, 2, 3]]


# ---- Night, strangers, flash -----------------------------------------------------------------------------------------


NIGHT = [(30, 0), (8, 61), (2, 78)]


@pytest.mark.parametrize(
    "timed",
    [
        NIGHT,
        [(8, 0), (30, 17), (2, 78)],
        [(2, 0), (8, 5), (30, 22)],
        [*NIGHT, *((time, 100 + second) for time, second in NIGHT)],
        [*NIGHT, *((time, 200 + second) for time, second in NIGHT)],
    ],
    ids=["bright first", "middle first", "dark first", "two in a row", "two with a pause"],
)
@pytest.mark.parametrize("mode", [1, 2])
def test_long_exposure_noise_reduction_does_not_divide_brackets(timed, mode):
    evs = [math.log2(60 * time) for time, _ in timed]
    found = group_by_exif(shots(evs, [second for _, second in timed], exposure_mode=mode))
    assert names(found.groups) == [[i + 1, i + 2, i + 3] for i in range(0, len(timed), 3)]
    assert left(found) == {}


def test_of_a_repeated_exposure_the_nearest_in_time_is_kept():
    """A picture of something else, 1.2 s before the bracket, at the exposure of its first frame."""
    found = group_by_exif(shots([0, 0, -3, 3, 0], [0, 1.2, 1.5, 1.8, 11], exposure_mode=1))
    assert names(found.groups) == [[2, 3, 4]]
    assert left(found) == {
        1: "it repeats the exposure of IMG_0002.jpg",
        5: "there is no second exposure of its scene",
    }


def test_a_repeat_after_the_bracket_is_left_out():
    found = group_by_exif(shots([0, -3, 3, 3], [0, 0.3, 0.6, 1.9], exposure_mode=1))
    assert names(found.groups) == [[1, 2, 3]]
    assert left(found) == {4: "it repeats the exposure of IMG_0003.jpg"}


def test_a_single_picture_between_brackets_is_left_out():
    evs = [0, -3, 3, 0.3, 0, -3, 3, -6, 6]
    found = group_by_exif(
        shots(evs, [4, 4.3, 4.6, 6.6, 9.6, 10, 10.4, 10.8, 11.2], exposure_mode=[2] * 3 + [0] + [2] * 5)
    )
    assert names(found.groups) == [[1, 2, 3], [5, 6, 7, 8, 9]]
    assert left(found) == {4: "there is no second exposure of its scene"}


@pytest.mark.parametrize("ev", [0, 1])
def test_a_frame_with_flash_is_left_out_of_its_bracket(ev):
    found = group_by_exif(shots([0, -2, 2, ev], [0, 1, 2, 3], flash=[False, False, False, True]))
    assert names(found.groups) == [[1, 2, 3]]
    assert left(found) == {4: "its flash fired, and there is no bracket of exposures with flash"}


def test_a_bracket_with_flash_throughout_is_a_bracket():
    assert names(group_by_exif(shots([0, -2, 2], [0, 1, 2], flash=True)).groups) == [[1, 2, 3]]


# ---- Division by exposure --------------------------------------------------------------------------------------------


def lengths(evs):
    groups = split_by_exposure(evs)
    assert [i for group in groups for i in group] == list(range(len(evs)))
    return [len(group) for group in groups]


@pytest.mark.parametrize(
    ("evs", "expected"),
    [
        ([], []),
        ([1], [1]),
        ([0, -2, 2], [3]),
        ([0, -2, 2] * 4, [3, 3, 3, 3]),
        ([-3, 3] * 3, [2, 2, 2]),
        ([0, -1, 1, -2, 2, -3, 3] * 2, [7, 7]),
        ([-4, -2, 0, 2, 4, 6], [6]),
        ([0, -2, 2, 0, -2], [3, 2]),
        ([0, -2, 2, 0], [3, 1]),
        ([0, 0, 0], [3]),
        ([0, -2, 2, 0.05, -2.1, 1.95], [3, 3]),
    ],
    ids=str,
)
def test_a_repeating_pattern_is_divided_at_each_start(evs, expected):
    assert lengths(evs) == expected


def test_drifting_light_does_not_hide_the_pattern():
    evs = [step + drift for drift in (0, 0.5, 1, 0.4, -0.3) for step in (0, -2, 2)]
    assert lengths(evs) == [3] * 5


def test_a_ramp_is_one_bracket():
    assert lengths([-3, -2, -1, 0, 1, 2, 3]) == [7]


def test_rising_then_falling_exposures_are_two_brackets():
    assert lengths([-2, 0, 2, 2, 0, -2]) == [3, 3]


def test_a_repeated_exposure_stays_in_its_bracket():
    assert lengths([-2, 0, 0, 2]) == [4]
    assert lengths([0, 0, -2, 2, 0, -2, 2]) == [4, 3]


def test_brackets_of_different_length_are_divided_at_repeated_exposures():
    assert lengths([0, -1, 1, 0, -2, 2, -4, 4]) == [3, 5]


def test_a_third_of_a_stop_is_a_different_exposure():
    assert lengths([0, 1 / 3, -1 / 3]) == [3]
