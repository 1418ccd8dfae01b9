"""Shots of one folder sorted into brackets by what EXIF says."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lightfuse.brackets.grouping.by_exif import group_by_exif
from lightfuse.brackets.grouping.shots import Shot
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


def test_pauses_part_brackets_whose_exposures_all_differ():
    evs = [0, -2, 2, 4, 2.5, 6.5]
    found = group_by_exif(shots(evs, [0, 0.5, 1, 9, 9.5, 10]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]
    assert (left(found), found.told) == ({}, 6)


def test_without_a_pause_the_pattern_parts_them():
    found = group_by_exif(shots([0, -2, 2] * 3, [0.5 * i for i in range(9)]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_an_even_beat_of_slow_shots_is_no_row_of_pauses():
    found = group_by_exif(shots([0, -2, 2] * 3, [8 * i for i in range(9)]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_long_exposures_are_no_pauses():
    evs = [0, 10.9, 5]  # The second takes 32 s.
    assert names(group_by_exif(shots(evs, [0, 0.5, 33])).groups) == [[1, 2, 3]]


def test_the_longest_pause_is_a_setting():
    two = shots([0, -2], [0, 20])
    assert names(group_by_exif(two).groups) == [[1, 2]]
    assert names(group_by_exif(two, max_gap=10).groups) == []


def test_time_stamps_of_whole_seconds_are_enough():
    found = group_by_exif(shots([0, -2, 2, 1, -1, 3], [0, 0, 1, 12, 13, 13]))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]


def test_time_counts_not_the_name():
    found = group_by_exif(shots([0, -2, 2, 0.5, -1.5, 2.5], [100, 101, 102, 0, 1, 2]))
    assert names(found.groups) == [[4, 5, 6], [1, 2, 3]]


def test_without_times_names_and_pattern_count():
    found = group_by_exif(shots([0, -2, 2] * 2))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]


def test_compensation_repeats_where_the_metered_exposure_wanders():
    evs = [0, -2, 2, 3.4, 1.4, 5.4]
    found = group_by_exif(shots(evs, [0, 1, 2, 3, 4, 5], exposure_bias=[0.0, -2.0, 2.0] * 2, exposure_mode=2))
    assert names(found.groups) == [[1, 2, 3], [4, 5, 6]]


def test_two_cameras_in_one_folder_are_kept_apart():
    evs, seconds = [0, -2, 2], [0, 1, 2]
    mixed = shots(evs, seconds, model="A", serial="1") + shots([-2, 2], [0.5, 1.5], first=4, model="A", serial="2")
    assert sorted(names(group_by_exif(mixed).groups)) == [[1, 2, 3], [4, 5]]


def test_a_picture_not_tagged_as_bracketing_stays_out():
    found = group_by_exif(shots([1, 0, -2, 2], [0, 1, 1.5, 2], exposure_mode=[0, 2, 2, 2]))
    assert names(found.groups) == [[2, 3, 4]]
    assert left(found) == {1: "there is no second exposure of its scene"}


def test_pictures_metered_one_by_one_are_no_bracket():
    found = group_by_exif(shots([0, 1, -1], [0, 5, 10], exposure_bias=0.0, exposure_mode=0))
    assert found.groups == []
    assert all("metered" in reason for reason in left(found).values())
    assert sorted(left(found)) == [1, 2, 3]


@pytest.mark.parametrize("evs", [[0, 0, 0], [0, 0.33, 0.33]])
def test_a_burst_is_no_bracket(evs):
    found = group_by_exif(shots(evs, [0, 0.2, 0.4]))
    assert found.groups == []
    assert sorted(left(found)) == [1, 2, 3]


def test_an_exposure_shot_twice_counts_once():
    found = group_by_exif(shots([-2, 0, 0, 2], [0, 1, 2, 3]))
    assert names(found.groups) == [[1, 2, 4]]
    assert left(found) == {3: "it repeats the exposure of IMG_0002.jpg"}


def test_a_shot_without_exposure_is_told_and_the_others_are_sorted():
    some = shots([0, -2, 2], [0, 1, 2])
    some.insert(1, Shot(Path("IMG_0009.jpg")))
    found = group_by_exif(some)
    assert names(found.groups) == [[1, 2, 3]]
    assert left(found) == {9: "its EXIF tells no exposure"}
    assert found.told == 3


def test_compensation_alone_is_enough():
    bare = [
        Shot(Path(f"IMG_{i:04d}.jpg"), ShotInfo(exposure_bias=bias)) for i, bias in enumerate([0.0, -1.0, 1.0] * 2, 1)
    ]
    assert names(group_by_exif(bare).groups) == [[1, 2, 3], [4, 5, 6]]


def test_aperture_and_iso_are_exposure_too():
    info = {"exposure_time": 1 / 60, "taken": NOON}
    by_iso = [Shot(Path(f"IMG_{i:04d}.jpg"), ShotInfo(iso=iso, **info)) for i, iso in enumerate([100.0, 400.0], 1)]
    by_stop = [Shot(Path(f"IMG_{i:04d}.jpg"), ShotInfo(f_number=n, **info)) for i, n in enumerate([4.0, 8.0], 1)]
    for pair, difference in ((by_iso, 2), (by_stop, -2)):
        assert pair[1].ev - pair[0].ev == pytest.approx(difference)
        assert names(group_by_exif(pair).groups) == [[1, 2]]
