"""Frames made a bracket: one depth, dark to bright, each with its name."""

import numpy as np
import pytest

from lightfuse.brackets.frames import Frame, make_bracket
from lightfuse.errors import PictureError
from lightfuse.images import ShotInfo


def frame(level: int, name: str, shot: ShotInfo | None = None, shape: tuple[int, int] = (4, 5)) -> Frame:
    return Frame(np.full((*shape, 3), level, np.uint8), name, shot=shot or ShotInfo())


def test_frames_are_put_in_order_and_know_where_they_stood() -> None:
    bracket = make_bracket([frame(200, "c"), frame(10, "a"), frame(120, "b")])
    assert [f.name for f in bracket.frames] == ["a", "b", "c"]
    assert bracket.given == (1, 2, 0)
    assert bracket.base_frame.name == "b"


def test_the_widest_depth_is_taken_and_means_the_same() -> None:
    deep = Frame(np.full((4, 5, 3), 200 * 257, np.uint16), "deep")
    bracket = make_bracket([frame(51, "plain"), deep])
    assert [f.pixels.dtype for f in bracket.frames] == [np.uint16, np.uint16]
    assert int(bracket.frames[0].pixels[0, 0, 0]) == 51 * 257
    floats = make_bracket([frame(51, "plain"), Frame(np.full((4, 5, 3), 0.9, np.float32), "float")])
    assert float(floats.frames[0].pixels[0, 0, 0]) == pytest.approx(0.2)


def test_pixels_of_one_depth_are_not_copied() -> None:
    frames = [frame(10, "a"), frame(200, "b")]
    assert [a.pixels is b.pixels for a, b in zip(make_bracket(frames).frames, frames, strict=True)] == [True, True]


def test_different_sizes_are_both_given() -> None:
    with pytest.raises(PictureError, match="a is 5×4, b is 5×6"):
        make_bracket([frame(10, "a"), frame(200, "b", shape=(6, 5))])


def test_one_frame_is_no_bracket() -> None:
    with pytest.raises(PictureError, match="two or more exposures of one scene; 1 given"):
        make_bracket([frame(10, "a")])


def test_missing_exif_is_told_of_three_and_not_of_two() -> None:
    """Of two, the darker is the under-exposed by definition; of three, EXIF could have known better."""
    assert make_bracket([frame(10, "a"), frame(99, "b")]).notes == ()
    assert "order by brightness" in make_bracket([frame(10, "a"), frame(99, "b"), frame(200, "c")]).notes[0]


def test_two_cameras_are_told() -> None:
    one, two = ShotInfo(make="Canon", model="R5"), ShotInfo(make="Nikon", model="Z8")
    notes = make_bracket([frame(10, "a", one), frame(99, "b", two)]).notes
    assert notes == ("the exposures come from different cameras: a with R5, b with Z8",)


def test_one_picture_given_twice_under_two_names_is_told_and_equal_means_are_not() -> None:
    twin, other = frame(99, "b"), frame(99, "c")
    other.pixels[0, 0], other.pixels[0, 1] = 98, 100
    assert make_bracket([frame(99, "a"), twin]).notes == ("a and b are the same picture",)
    assert make_bracket([frame(99, "a"), other]).notes == ()
