"""The contact sheet of a batch, drawn before anything is fused."""

import numpy as np
import pytest
from builders.dng import dng_bytes
from builders.photographs import write_brackets, write_plain, write_shot
from PIL import Image

from lightfuse.batch import preview
from lightfuse.batch.preview import write_preview
from lightfuse.brackets.grouping import GroupSettings, group_folder
from lightfuse.errors import OutputError
from lightfuse.images import read_picture


def colours_of(sheet):
    return {tuple(colour) for colour in sheet.reshape(-1, 3)}


def test_a_sheet_holds_every_picture_of_brackets_and_of_none(tmp_path):
    write_brackets(tmp_path, 1, evs=(0, -2, 2))
    write_shot(tmp_path / "IMG_0099.png", 0, 9000, level=77)
    sheet = preview.preview_sheet(group_folder(tmp_path, GroupSettings(by="exif")))
    levels = {read_picture(path).pixels[0, 0, 0] for path in tmp_path.iterdir()}
    assert len(levels) == 4
    assert {(level,) * 3 for level in levels} <= colours_of(sheet)


def test_captions_are_ev_over_the_first_frame_and_reasons(tmp_path, monkeypatch):
    write_brackets(tmp_path, 1, evs=(0, -2, 2))
    write_shot(tmp_path / "IMG_0099.jpg", 0, 9000)
    rows = []
    monkeypatch.setattr(preview, "row_of", lambda cells, *_: rows.append(cells) or np.zeros((9, 99, 3), np.uint8))
    preview.preview_sheet(group_folder(tmp_path, GroupSettings(by="exif")))
    assert [(cell.title, " ".join(cell.words)) for row in rows for cell in row] == [
        ("IMG_0001.jpg", "+0.0 EV"),
        ("IMG_0002.jpg", "-2.0 EV"),
        ("IMG_0003.jpg", "+2.0 EV"),
        ("IMG_0099.jpg", "there is no second exposure of its scene"),
    ]


@pytest.mark.parametrize("side", [100, 330, 700, 1400])
def test_large_pictures_are_reduced_to_their_cell_upright_and_in_their_colours(tmp_path, side):
    pixels = np.zeros((side, side * 2, 3), np.uint8)
    pixels[:, :side] = 200, 40, 90
    exif = Image.Exif()
    exif[0x0112] = 6
    write_plain(tmp_path / "a.jpg", pixels=pixels, exif=exif, quality=95, subsampling=0)
    small, ev = preview._small(tmp_path / "a.jpg")
    assert small.shape == (160, 80, 3)
    assert ev is None
    assert np.abs(small[20, 40].astype(int) - (200, 40, 90)).max() <= 4
    assert small[-20].max() <= 4


def test_a_picture_that_cannot_be_read_is_grey(tmp_path, capfd):
    write_brackets(tmp_path, 1, evs=(-2, 2))
    raw = dng_bytes(np.full((200, 300), 0.5))
    for name, data in (("IMG_0003.jpg", b"no picture"), ("IMG_0004.dng", raw[: len(raw) // 2])):
        (tmp_path / name).write_bytes(data)
    assert (90, 90, 90) in colours_of(preview.preview_sheet(group_folder(tmp_path, GroupSettings(by="exif"))))
    assert capfd.readouterr().err == ""


def test_many_brackets_take_several_columns(tmp_path, monkeypatch):
    write_brackets(tmp_path, 4, evs=(-2, 2))
    grouping = group_folder(tmp_path)
    one = preview.preview_sheet(grouping)
    monkeypatch.setattr(preview, "_TALLEST", one.shape[0] // 3)
    many = preview.preview_sheet(grouping)
    assert many.shape[0] < one.shape[0]
    assert many.shape[1] > one.shape[1]


def test_a_sheet_does_not_lie_among_the_pictures(tmp_path):
    write_brackets(tmp_path, 1, evs=(-2, 2))
    grouping, out = group_folder(tmp_path), tmp_path / "out"
    for name in ("sheet.jpg", "IMG_0001.jpg"):
        with pytest.raises(OutputError, match=f"{name} would lie among the pictures"):
            write_preview(tmp_path / name, grouping, tmp_path, out, overwrite=True)
    write_preview(out / "sheet.png", grouping, tmp_path, out, overwrite=False)
    with pytest.raises(OutputError, match="exists"):
        write_preview(out / "sheet.png", grouping, tmp_path, out, overwrite=False)
