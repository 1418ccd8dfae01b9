"""A bracket: frames of one depth, ordered by EXIF where it can be trusted and otherwise by brightness."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from lightfuse.brackets.bracket import Frame, exposure_order, in_one_profile, make_bracket, relative_exposures
from lightfuse.errors import PictureError
from lightfuse.images import Metadata, ShotInfo


def frame(level: int, name: str, shot: ShotInfo | None = None, shape: tuple[int, int] = (4, 5)) -> Frame:
    return Frame(np.full((*shape, 3), level, np.uint8), name, shot=shot or ShotInfo())


def test_make_bracket_orders_frames_and_keeps_their_given_positions() -> None:
    bracket = make_bracket([frame(200, "c"), frame(10, "a"), frame(120, "b")])
    assert [f.name for f in bracket.frames] == ["a", "b", "c"]
    assert bracket.given == (1, 2, 0)
    assert bracket.base_frame.name == "b"


def test_make_bracket_converts_to_the_deepest_dtype() -> None:
    deep = Frame(np.full((4, 5, 3), 200 * 257, np.uint16), "deep")
    bracket = make_bracket([frame(51, "plain"), deep])
    assert [f.pixels.dtype for f in bracket.frames] == [np.uint16, np.uint16]
    assert int(bracket.frames[0].pixels[0, 0, 0]) == 51 * 257
    floats = make_bracket([frame(51, "plain"), Frame(np.full((4, 5, 3), 0.9, np.float32), "float")])
    assert float(floats.frames[0].pixels[0, 0, 0]) == pytest.approx(0.2)


def test_make_bracket_does_not_copy_pixels_of_one_dtype() -> None:
    frames = [frame(10, "a"), frame(200, "b")]
    assert [a.pixels is b.pixels for a, b in zip(make_bracket(frames).frames, frames, strict=True)] == [True, True]


def test_frames_of_different_size_are_refused_with_both_sizes() -> None:
    with pytest.raises(PictureError, match="a is 5×4, b is 5×6"):
        make_bracket([frame(10, "a"), frame(200, "b", shape=(6, 5))])


def test_a_single_frame_is_refused() -> None:
    with pytest.raises(PictureError, match="two or more exposures of one scene; 1 given"):
        make_bracket([frame(10, "a")])


def test_missing_exif_is_noted_for_three_frames_but_not_for_two() -> None:
    """Of two, the darker is the under-exposed by definition; of three, EXIF could have known better."""
    assert make_bracket([frame(10, "a"), frame(99, "b")]).notes == ()
    assert "order by brightness" in make_bracket([frame(10, "a"), frame(99, "b"), frame(200, "c")]).notes[0]


def test_frames_from_two_cameras_are_noted() -> None:
    one, two = ShotInfo(make="Canon", model="R5"), ShotInfo(make="Nikon", model="Z8")
    notes = make_bracket([frame(10, "a", one), frame(99, "b", two)]).notes
    assert notes == ("the exposures come from different cameras: a with R5, b with Z8",)


def test_identical_pictures_are_noted_but_equal_means_are_not() -> None:
    twin, other = frame(99, "b"), frame(99, "c")
    other.pixels[0, 0], other.pixels[0, 1] = 98, 100
    assert make_bracket([frame(99, "a"), twin]).notes == ("a and b are the same picture",)
    assert make_bracket([frame(99, "a"), other]).notes == ()


# ---- Order ----------------------------------------------------------------------------------------------------------


def shot(time: float | None, iso: float | None = 100, f_number: float | None = 8) -> ShotInfo:
    return ShotInfo(exposure_time=time, iso=iso, f_number=f_number)


def test_relative_exposure_depends_on_shutter_iso_and_aperture() -> None:
    evs = relative_exposures([shot(1 / 100), shot(1 / 50), shot(1 / 100, iso=400), shot(1 / 100, f_number=4)])
    assert evs is not None
    assert [ev - evs[0] for ev in evs] == pytest.approx([0, 1, 2, 2])


def test_relative_exposure_without_iso_and_aperture() -> None:
    evs = relative_exposures([shot(1 / 8, None, None), shot(2, None, None)])
    assert evs is not None
    assert evs[1] - evs[0] == pytest.approx(4)


@pytest.mark.parametrize("odd", [shot(None), shot(1, iso=None), shot(1, f_number=None)])
def test_relative_exposures_need_complete_exif(odd: ShotInfo) -> None:
    assert relative_exposures([shot(1), odd]) is None


@pytest.mark.parametrize("given", list(itertools.permutations(range(3))))
def test_exif_orders_any_permutation(given: tuple[int, ...]) -> None:
    shots, levels = [shot(1 / 100), shot(1 / 10), shot(1)], [0.1, 0.4, 0.8]
    order = exposure_order([levels[i] for i in given], [shots[i] for i in given])
    assert [given[i] for i in order.positions] == [0, 1, 2]
    assert order.by == "exif"
    assert order.relative_ev == pytest.approx((0, 3.3219, 6.6439), abs=1e-3)


def test_exif_orders_frames_of_nearly_equal_brightness() -> None:
    order = exposure_order([0.0031, 0.0030, 0.5], [shot(1 / 100), shot(1 / 25), shot(4)])
    assert order.positions == (0, 1, 2)
    assert order.by == "exif"


def test_missing_exif_orders_by_brightness() -> None:
    order = exposure_order([0.6, 0.2, 0.4], [shot(1), ShotInfo(), shot(2)])
    assert (order.positions, order.relative_ev, order.by) == ((1, 2, 0), None, "brightness, EXIF missing")


def test_exif_contradicted_by_brightness_is_ignored() -> None:
    order = exposure_order([0.6, 0.2], [shot(1 / 100), shot(1)])
    assert (order.positions, order.by) == ((1, 0), "brightness, EXIF contradicted")


def test_one_raw_developed_at_several_exposures_is_ordered_by_brightness() -> None:
    """All its pictures carry the shutter time of the RAW file."""
    order = exposure_order([0.6, 0.2, 0.9], [shot(1 / 100)] * 3)
    assert (order.positions, order.by) == ((1, 0, 2), "brightness, EXIF contradicted")


def test_rounded_shutter_times_count_as_one_exposure() -> None:
    order = exposure_order([0.301, 0.3], [shot(1 / 125), shot(1 / 128)])
    assert order.by == "exif"


@pytest.mark.parametrize("bad", ["a", "b"])
def test_an_unusable_profile_is_reported_for_the_frame_that_has_it(bad: str) -> None:
    frames = [frame(10, "a"), frame(200, "b")]
    unusable = Metadata(icc=bytes(16) + b"RGB " + bytes(200))
    bracket = make_bracket([replace(f, metadata=unusable) if f.name == bad else f for f in frames])
    with pytest.raises(PictureError, match=f"^{bad} has a colour profile that cannot be used"):
        in_one_profile(bracket)
