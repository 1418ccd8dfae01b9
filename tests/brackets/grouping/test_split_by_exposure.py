"""Shots cut into brackets by their exposures alone."""

import pytest

from lightfuse.brackets.grouping.split import repeats, split_by_exposure


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
def test_a_pattern_that_repeats_is_cut_where_it_starts_anew(evs, expected):
    assert lengths(evs) == expected


def test_light_that_drifts_does_not_hide_the_pattern():
    evs = [step + drift for drift in (0, 0.5, 1, 0.4, -0.3) for step in (0, -2, 2)]
    assert lengths(evs) == [3] * 5


def test_a_ramp_is_one_bracket_though_its_steps_repeat():
    assert lengths([-3, -2, -1, 0, 1, 2, 3]) == [7]


def test_there_and_back_again_is_two_brackets():
    assert lengths([-2, 0, 2, 2, 0, -2]) == [3, 3]


def test_an_exposure_shot_twice_stays_in_its_bracket():
    assert lengths([-2, 0, 0, 2]) == [4]
    assert repeats([-2, 0, 0, 2]) == {2: 1}
    assert lengths([0, 0, -2, 2, 0, -2, 2]) == [4, 3]


def test_brackets_of_different_length_are_cut_where_an_exposure_comes_back():
    assert lengths([0, -1, 1, 0, -2, 2, -4, 4]) == [3, 5]


def test_a_third_of_a_stop_is_another_exposure():
    assert repeats([0, 1 / 3, -1 / 3]) == {}
