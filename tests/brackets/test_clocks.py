"""The clocks by which pictures of what seems to be one camera were timed."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lightfuse.brackets.exif_groups import Shot, by_clock
from lightfuse.images import ShotInfo

NOON = datetime(2026, 6, 21, 12)


def shot(name, seconds, ev=0):
    return Shot(Path(name), ShotInfo(exposure_time=2.0**ev / 60, taken=NOON + timedelta(seconds=seconds)))


def bodies(evs=(0, -2, 2), brackets=2, names=("A{:04d}.jpg", "B{:04d}.jpg"), later=0.25):
    """Brackets of two cameras at the same time, all of the first before those of the second."""
    return [
        shot(name.format(bracket * len(evs) + i + 1), bracket * 10 + i * 0.5 + second * later, ev)
        for second, name in enumerate(names)
        for bracket in range(brackets)
        for i, ev in enumerate(evs)
    ]


def test_two_cameras_of_one_model_are_told_apart():
    mixed = bodies()
    assert by_clock(mixed) == [mixed[:6], mixed[6:]]


def test_a_clock_that_was_set_back_is_another():
    before = [shot(f"IMG_{i:04d}.jpg", 60 * i, -2 * (i % 2)) for i in range(1, 11)]
    after = [shot(f"IMG_{10 + i:04d}.jpg", 60 * i + 20, -2 * (i % 2)) for i in range(1, 11)]
    assert by_clock(before + after) == [before, after]


@pytest.mark.parametrize(
    "shots",
    [
        bodies(later=100),
        bodies(brackets=1),
        bodies(evs=(0,), brackets=6),
        [shot(f"IMG_{i:04d}.jpg", -10 * i, i % 3) for i in range(1, 13)],
        [shot(f"{['dark', 'mid', 'bright'][i % 3]}_{i // 3}.jpg", i, i % 3) for i in range(30)],
        [shot(f"photo_{i}.jpg", 37 * i % 101, i % 3) for i in range(1, 31)],
        [],
    ],
    ids=["one after the other", "too few", "one exposure", "backwards", "named after exposures", "shuffled", "none"],
)
def test_other_orders_of_names_are_of_one_clock(shots):
    assert by_clock(shots) == [shots]
