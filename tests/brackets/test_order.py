"""The order of exposures: EXIF where it can be believed, brightness where not."""

import itertools

import pytest

from lightfuse.brackets.order import exposure_order, light_taken
from lightfuse.images import ShotInfo


def shot(time: float | None, iso: float | None = 100, f_number: float | None = 8) -> ShotInfo:
    return ShotInfo(exposure_time=time, iso=iso, f_number=f_number)


def test_light_counts_shutter_sensitivity_and_aperture() -> None:
    light = light_taken([shot(1 / 100), shot(1 / 50), shot(1 / 100, iso=400), shot(1 / 100, f_number=4)])
    assert light is not None
    assert [value - light[0] for value in light] == pytest.approx([0, 1, 2, 2])


def test_a_lens_without_contacts_and_a_camera_without_iso_change_nothing() -> None:
    light = light_taken([shot(1 / 8, None, None), shot(2, None, None)])
    assert light is not None
    assert light[1] - light[0] == pytest.approx(4)


@pytest.mark.parametrize("odd", [shot(None), shot(1, iso=None), shot(1, f_number=None)])
def test_what_only_some_shots_say_is_no_order(odd: ShotInfo) -> None:
    assert light_taken([shot(1), odd]) is None


@pytest.mark.parametrize("given", list(itertools.permutations(range(3))))
def test_exif_orders_whatever_was_given_first(given: tuple[int, ...]) -> None:
    shots, levels = [shot(1 / 100), shot(1 / 10), shot(1)], [0.1, 0.4, 0.8]
    order = exposure_order([levels[i] for i in given], [shots[i] for i in given])
    assert [given[i] for i in order.positions] == [0, 1, 2]
    assert order.by == "exif"
    assert order.stops == pytest.approx((0, 3.3219, 6.6439), abs=1e-3)


def test_exif_decides_between_frames_too_dark_to_tell() -> None:
    order = exposure_order([0.0031, 0.0030, 0.5], [shot(1 / 100), shot(1 / 25), shot(4)])
    assert order.positions == (0, 1, 2)
    assert order.by == "exif"


def test_missing_exif_leaves_it_to_brightness() -> None:
    order = exposure_order([0.6, 0.2, 0.4], [shot(1), ShotInfo(), shot(2)])
    assert (order.positions, order.stops, order.by) == ((1, 2, 0), None, "brightness, EXIF missing")


def test_exif_that_brightness_contradicts_is_not_believed() -> None:
    order = exposure_order([0.6, 0.2], [shot(1 / 100), shot(1)])
    assert (order.positions, order.by) == ((1, 0), "brightness, EXIF contradicted")


def test_one_raw_developed_at_several_exposures_goes_by_brightness() -> None:
    """All its pictures carry the one shutter time of the RAW."""
    order = exposure_order([0.6, 0.2, 0.9], [shot(1 / 100)] * 3)
    assert (order.positions, order.by) == ((1, 0, 2), "brightness, EXIF contradicted")


def test_shutter_times_rounded_by_the_camera_are_one_exposure() -> None:
    order = exposure_order([0.301, 0.3], [shot(1 / 125), shot(1 / 128)])
    assert order.by == "exif"
