"""Folders grouped into brackets: what is found, ignored, left out and refused."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from builders.photographs import write_brackets, write_plain, write_shot
from PIL import Image

from lightfuse.brackets import files
from lightfuse.brackets.grouping import GroupSettings, group_folder
from lightfuse.errors import DataError


def group(folder, **settings):
    return group_folder(folder, GroupSettings(**settings))


def brackets(grouping, folder):
    """Scenes below their folder, and the files in each, relative to the folder."""
    return {
        (b.folder / b.scene).as_posix(): [shot.path.relative_to(folder).as_posix() for shot in b.shots]
        for b in grouping.brackets
    }


def left_out(grouping):
    return {out.path.name: out.reason for out in grouping.left_out}


# ---- Which method ----------------------------------------------------------------------------------------------------


def test_a_flat_folder_is_grouped_by_exif(tmp_path):
    write_brackets(tmp_path, 3)
    found = group(tmp_path)
    assert found.method == "exif"
    assert brackets(found, tmp_path) == {
        "IMG_0001": ["IMG_0001.jpg", "IMG_0002.jpg", "IMG_0003.jpg"],
        "IMG_0004": ["IMG_0004.jpg", "IMG_0005.jpg", "IMG_0006.jpg"],
        "IMG_0007": ["IMG_0007.jpg", "IMG_0008.jpg", "IMG_0009.jpg"],
    }
    assert found.left_out == ()


def test_folders_that_hold_one_bracket_each_are_brackets(tmp_path):
    write_brackets(tmp_path / "day 1" / "hall", 1)
    write_brackets(tmp_path / "day 1" / "roof", 1, evs=(-1, 1))
    write_plain(tmp_path / "cellar" / "a.png", 20)
    write_plain(tmp_path / "cellar" / "b.png", 200)
    found = group(tmp_path)
    assert found.method == "folder"
    assert brackets(found, tmp_path) == {
        "cellar": ["cellar/a.png", "cellar/b.png"],
        "day 1/hall": [f"day 1/hall/IMG_000{i}.jpg" for i in (1, 2, 3)],
        "day 1/roof": [f"day 1/roof/IMG_000{i}.jpg" for i in (1, 2)],
    }


def test_nested_folders_of_several_brackets_are_each_grouped_by_exif(tmp_path):
    write_brackets(tmp_path / "a", 2)
    write_brackets(tmp_path / "b", 1, start=50)
    write_plain(tmp_path / "c" / "x.png", 20)
    write_plain(tmp_path / "c" / "y.png", 200)
    found = group(tmp_path)
    assert found.method == "exif"
    assert list(brackets(found, tmp_path)) == ["c", "a/IMG_0001", "a/IMG_0004", "b/IMG_0050"]


def test_many_pictures_without_exif_are_refused_with_advice(tmp_path):
    for i in range(6):
        write_plain(tmp_path / f"{i}.png")
    with pytest.raises(DataError, match=r"the 6 pictures in .* no EXIF .* give --count N, --pattern .* or --by folder"):
        group(tmp_path)
    with pytest.raises(DataError, match=r"no picture in .* carries EXIF"):
        group(tmp_path, by="exif")
    write_brackets(tmp_path / "sub", 2)
    with pytest.raises(DataError, match=r"or --by folder, or --by exif to leave them out"):
        group(tmp_path)
    assert len(group(tmp_path, by="exif").brackets) == 2


def test_a_flat_folder_of_two_is_one_bracket(tmp_path):
    folder = tmp_path / "attic"
    write_plain(folder / "b.png", 20)
    write_plain(folder / "a.png", 200)
    assert brackets(group(folder), folder) == {"attic": ["a.png", "b.png"]}


def test_count_takes_natural_name_order_in_each_folder(tmp_path):
    for name in ("2.png", "10.png", "1.png", "9.png", "sub/7.png", "sub/8.png"):
        write_plain(tmp_path / name)
    assert brackets(group(tmp_path, count=2), tmp_path) == {
        "1": ["1.png", "2.png"],
        "9": ["9.png", "10.png"],
        "sub/7": ["sub/7.png", "sub/8.png"],
    }


def test_a_count_that_does_not_divide_is_refused(tmp_path):
    for i in range(7):
        write_plain(tmp_path / "in" / f"{i}.png")
    with pytest.raises(DataError, match=r"the 7 pictures in .*in cannot be divided into brackets of 3"):
        group(tmp_path, count=3)


@pytest.mark.parametrize("pattern", ["{scene}_{ev}", r"(?P<scene>.+)_[-+\w]+"])
def test_pattern_groups_by_scene_in_names(tmp_path, pattern):
    for name in ("living_room_-2.png", "living_room_+2.png", "été_0.png", "été_under.png", "sub/été_1.png"):
        write_plain(tmp_path / name)
    write_plain(tmp_path / "notes.png")
    found = group(tmp_path, pattern=pattern)
    assert {scene: len(files) for scene, files in brackets(found, tmp_path).items()} == {"living_room": 2, "été": 2}
    assert left_out(found) == {
        "notes.png": f"its name does not match {found.left_out[0].reason.split('match ')[1]}",
        "été_1.png": "it is the only exposure of scene 'été'",
    }


def test_a_count_or_a_pattern_may_name_its_method(tmp_path):
    for name in ("dark_A.png", "dark_B.png", "bright_A.png", "bright_B.png"):
        write_plain(tmp_path / name)
    assert group(tmp_path, by="count", count=2) == group(tmp_path, count=2)
    assert group(tmp_path, by="pattern", pattern="{ev}_{scene}") == group(tmp_path, pattern="{ev}_{scene}")


def test_a_pattern_with_a_slash_joins_folders(tmp_path):
    for name in ("dark/A.png", "dark/B.png", "bright/A.png", "bright/B.png"):
        write_plain(tmp_path / name)
    assert brackets(group(tmp_path, pattern="{exposure}/{scene}"), tmp_path) == {
        "A": ["bright/A.png", "dark/A.png"],
        "B": ["bright/B.png", "dark/B.png"],
    }


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pattern": "(.*)_x"}, "does not say which part is the scene"),
        ({"pattern": "(?P<scene>"}, "is not a regular expression"),
        ({"pattern": "{scene}_{scene}"}, "is not a regular expression: redefinition"),
        ({"pattern": "{scene}!"}, "no picture's name matches the pattern .* a name here is 'a'"),
        ({"count": 1}, "two exposures or more, not 1"),
        ({"count": 2, "pattern": "{scene}"}, "give one way to sort"),
        ({"count": 2, "by": "folder"}, "give one way to sort"),
        ({"count": 2, "by": "pattern"}, "give one way to sort"),
        ({"by": "count"}, "--by count needs --count"),
    ],
)
def test_contradictory_settings_are_refused(tmp_path, settings, says):
    write_plain(tmp_path / "a.png")
    with pytest.raises(DataError, match=says):
        group(tmp_path, **settings)


# ---- What is in the folder -------------------------------------------------------------------------------------------


def test_names_are_in_natural_order():
    assert sorted(["a10.jpg", "a2.jpg", "A3.jpg", "notes"], key=files.natural_key) == [
        "A3.jpg",
        "a2.jpg",
        "a10.jpg",
        "notes",
    ]


def test_hidden_and_other_files_are_ignored(tmp_path):
    write_brackets(tmp_path, 1)
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "Thumbs.db").write_bytes(bytes(10))
    (tmp_path / "._IMG_0001.jpg").write_bytes(bytes(10))
    write_plain(tmp_path / ".thumbnails" / "x.jpg")
    found = group(tmp_path)
    assert [len(b.shots) for b in found.brackets] == [3]
    assert found.left_out == ()


def test_reference_pictures_are_left_out(tmp_path):
    for scene in ("1", "2"):
        write_brackets(tmp_path / scene, 1)
        write_plain(tmp_path / "Label" / f"{scene}.png")
    write_plain(tmp_path / "1" / "Reference.png")
    found = group(tmp_path)
    assert [len(b.shots) for b in found.brackets] == [3, 3]
    assert left_out(found) == dict.fromkeys(["1.png", "2.png", "Reference.png"], "it is a reference picture")


@pytest.mark.parametrize(("raw", "kept", "twin"), [(False, "jpg", "NEF"), (True, "NEF", "jpg")])
def test_a_raw_and_its_jpeg_are_one_shot(tmp_path, raw, kept, twin):
    write_brackets(tmp_path, 1, evs=(-2, 2))
    for name in ("IMG_0001", "IMG_0002"):
        (tmp_path / f"{name}.NEF").write_bytes(b"as if raw")
    found = group(tmp_path, by="folder", raw=raw)
    assert [shot.path.name for shot in found.brackets[0].shots] == [f"IMG_0001.{kept}", f"IMG_0002.{kept}"]
    assert left_out(found)[f"IMG_0001.{twin}"] == f"it is the shot of IMG_0001.{kept}"


def test_results_and_their_folder_are_not_exposures(tmp_path):
    write_brackets(tmp_path, 1)
    write_plain(tmp_path / "fused.jpg")
    write_brackets(tmp_path / "out", 1)
    found = group_folder(tmp_path, without=tmp_path / "out", results=frozenset({(tmp_path / "fused.jpg").resolve()}))
    assert [len(b.shots) for b in found.brackets] == [3]
    assert left_out(found) == {"fused.jpg": "it is the result of an earlier run"}


def test_results_may_go_to_the_folder_itself(tmp_path):
    write_brackets(tmp_path, 1)
    assert len(group_folder(tmp_path, without=tmp_path).brackets) == 1


def test_circular_links_terminate(tmp_path):
    write_brackets(tmp_path / "a", 1)
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "again").symlink_to("a")
    (tmp_path / "a" / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "a" / "gone.jpg").symlink_to("nowhere.jpg")
    found = group(tmp_path)
    assert brackets(found, tmp_path) == {"a": [f"a/IMG_000{i}.jpg" for i in (1, 2, 3)]}
    assert left_out(found) == dict.fromkeys(["loop.jpg", "gone.jpg"], "it is not a file, or a link that leads nowhere")


def test_a_folder_reached_only_by_a_link_is_visited(tmp_path):
    write_brackets(tmp_path / "elsewhere", 1)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    assert list(brackets(group(tmp_path / "in"), tmp_path / "in")) == ["linked"]


@pytest.mark.parametrize("names", [("album", "trip"), ("trip", "album")])
def test_a_folder_is_visited_by_its_own_name_whatever_links_lead_to_it(tmp_path, names):
    album, trip = (tmp_path / name for name in names)
    album.mkdir()
    (album / "best").symlink_to(trip)
    write_brackets(trip, 1)
    assert brackets(group(tmp_path), tmp_path) == {trip.name: [f"{trip.name}/IMG_000{i}.jpg" for i in (1, 2, 3)]}


def test_an_unreadable_file_is_named_and_affects_its_bracket_only(tmp_path):
    write_brackets(tmp_path, 3)
    (tmp_path / "IMG_0005.jpg").write_bytes(b"\xff\xd8\xff no more")
    found = group(tmp_path)
    assert [len(b.shots) for b in found.brackets] == [3, 2, 3]
    (bad,) = found.left_out
    assert (bad.path.name, bad.unreadable) == ("IMG_0005.jpg", True)
    assert bad.reason.startswith("it is truncated")


def test_single_pictures_are_left_out_with_a_reason(tmp_path):
    write_brackets(tmp_path, 1)
    write_shot(tmp_path / "IMG_0099.jpg", 0, 5000)
    assert left_out(group(tmp_path)) == {"IMG_0099.jpg": "there is no second exposure of its scene"}
    write_plain(tmp_path / "sub" / "only.png")
    assert left_out(group(tmp_path, by="folder")) == {"only.png": "it is the only exposure in its folder"}


def test_unusual_names_are_kept(tmp_path):
    strange = tmp_path / 'two words "quoted"\nand broken \udce9'
    try:
        write_brackets(os.fsdecode(os.fsencode(strange)), 1)
    except OSError:
        pytest.skip("this file system takes names of text only")
    (bracket,) = group(tmp_path).brackets
    assert bracket.scene == strange.name
    assert all(shot.path.is_file() for shot in bracket.shots)


def test_a_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"gone is not a folder"):
        group(tmp_path / "gone")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="holds no pictures"):
        group(tmp_path)


@pytest.mark.parametrize("name", ["@eaDir/IMG_0001.jpg", "#recycle", "$RECYCLE.BIN/S-1", "__MACOSX", "lost+found"])
def test_folders_of_the_system_are_ignored(tmp_path, name):
    write_brackets(tmp_path, 1)
    write_brackets(tmp_path / name, 1)
    found = group(tmp_path)
    assert ([len(b.shots) for b in found.brackets], found.left_out) == ([3], ())


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_grouped(tmp_path, monkeypatch):
    write_brackets(tmp_path, 1)
    write_brackets(tmp_path / "closed", 1)
    scandir = os.scandir

    def refuse(place):
        if Path(place) == tmp_path / "closed":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    found = group(tmp_path)
    assert [len(b.shots) for b in found.brackets] == [3]
    (closed,) = found.left_out
    assert (closed.path.name, closed.unreadable) == ("closed", True)
    assert closed.reason == "the folder cannot be read: Permission denied"


def test_a_link_to_an_exposure_is_none(tmp_path):
    write_brackets(tmp_path, 1)
    (tmp_path / "A cover.jpg").symlink_to("IMG_0001.jpg")
    found = group(tmp_path, by="folder")
    assert [shot.path.name for shot in found.brackets[0].shots] == [f"IMG_000{i}.jpg" for i in (1, 2, 3)]
    assert left_out(found) == {"A cover.jpg": "it is the same file as IMG_0001.jpg"}


def test_jpegs_of_any_suffix_are_pictures(tmp_path):
    for i, suffix in enumerate((".JPE", ".jfif", ".jpeg", ".mpo")):
        write_shot(tmp_path / f"{i}.jpg", 2 * i, i)
        (tmp_path / f"{i}.jpg").rename(tmp_path / f"{i}{suffix}")
    assert [len(b.shots) for b in group(tmp_path).brackets] == [4]


# ---- Derived files, formats, DCF folders -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "IMG_0002-HDR", "IMG_0002-Edit", "IMG_0002-Edit-2", "IMG_0002-edited", "IMG_0002-bearbeitet", "IMG_0002_fused",
        "IMG_0002-Enhanced", "IMG_0002-Enhanced-NR", "IMG_0002-Pano", "IMG_0002-modifie\u0301",
        "IMG_E0002", "img_0002_edit", "IMG_0002-HDR-Edit", "IMG_0002-edited(1)",
    ],
)  # fmt: skip
def test_edited_versions_are_left_out(tmp_path, name):
    write_brackets(tmp_path, 1)
    write_shot(tmp_path / f"{name}.jpg", -2, 0.5, level=200)
    found = group(tmp_path)
    assert [[shot.path.name for shot in b.shots] for b in found.brackets] == [[f"IMG_000{i}.jpg" for i in (1, 2, 3)]]
    assert left_out(found) == {f"{name}.jpg": "it is derived from IMG_0002.jpg"}


@pytest.mark.parametrize(
    "name",
    [
        "IMG_0003 (1)", "IMG_0003(2)", "IMG_0003 - Copy", "IMG_0003 copy", "IMG_0003~2", "IMG_0003 - Kopie",
        "Copy of IMG_0003", "IMG_0003-DxO_DeepPRIME", "IMG_0003-2",
    ],
)  # fmt: skip
def test_copies_and_versions_with_its_exif_are_left_out(tmp_path, name):
    write_brackets(tmp_path, 1)
    (tmp_path / f"{name}.jpg").write_bytes((tmp_path / "IMG_0003.jpg").read_bytes())
    assert left_out(group(tmp_path)) == {f"{name}.jpg": "it is derived from IMG_0003.jpg"}


@pytest.mark.parametrize(
    "name",
    [
        "IMG_0001_2_3_tonemapped", "IMG_0001And2more_tonemapped", "IMG_0001-0003", "IMG_0001-IMG_0003", "HDR IMG_0001",
        "IMG_0001_Aurora", "IMG_0002 (1)", "IMG_0001_2_3_HDR",
    ],
)  # fmt: skip
def test_pictures_merged_from_a_bracket_are_left_out(tmp_path, name):
    """Named after its first exposure, with the EXIF of its second, upright."""
    write_brackets(tmp_path, 1, evs=(-2, 0, 2))
    image = Image.open(tmp_path / "IMG_0002.jpg")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "IMG_0002.jpg", exif=exif)
    write_shot(tmp_path / f"{name}.jpg", 0, 0.5, level=200)
    found = group(tmp_path)
    assert [[shot.path.name for shot in b.shots] for b in found.brackets] == [[f"IMG_000{i}.jpg" for i in (1, 2, 3)]]
    assert left_out(found)[f"{name}.jpg"].startswith("it is derived from IMG_000")


def test_each_header_is_read_once_to_find_what_a_picture_is_derived_from(tmp_path, monkeypatch):
    write_brackets(tmp_path, 3)
    write_shot(tmp_path / "IMG_0001-IMG_0009 final.jpg", 5, 900, level=200)
    read = []
    probe = files.probe_picture
    monkeypatch.setattr(files, "probe_picture", lambda path: read.append(path) or probe(path))
    files.list_exposures(tmp_path)
    assert len(read) == len(set(read)) == 10


def test_numbered_names_without_an_original_and_other_pictures_are_exposures(tmp_path):
    for i, name in enumerate(("hall.png", "hall (1).png", "hall (2).png", "roof-HDR.png", "IMG_1-2EV.png")):
        write_plain(tmp_path / name, 20 + 50 * i)
    found = group(tmp_path, by="folder")
    assert found.left_out == ()
    assert len(found.brackets[0].shots) == 5


def test_a_bracket_over_two_dcf_folders_is_joined(tmp_path):
    names = [
        "100CANON/IMG_9998",
        "100CANON/IMG_9999",
        "101CANON/IMG_0001",
        *(f"101CANON/IMG_000{i}" for i in (2, 3, 4)),
    ]
    for i, name in enumerate(names):
        write_shot(tmp_path / f"{name}.JPG", (-2, 0, 2)[i % 3], i // 3 * 20 + i % 3 * 0.3, mode=2)
    found = group(tmp_path)
    assert brackets(found, tmp_path) == {
        "100CANON/IMG_9998": [f"{name}.JPG" for name in names[:3]],
        "101CANON/IMG_0002": [f"{name}.JPG" for name in names[3:]],
    }
    assert found.left_out == ()


@pytest.mark.parametrize(("raw", "gone", "kept"), [(False, "jpg", "NEF"), (True, "NEF", "jpg"), (False, "NEF", "jpg")])
def test_a_bracket_is_of_one_format_if_all_its_shots_are_stored_in_one(tmp_path, raw, gone, kept):
    write_brackets(tmp_path, 1)
    for path in tmp_path.glob("*.jpg"):
        path.with_suffix(".NEF").write_bytes(b"as if raw")
    (tmp_path / f"IMG_0002.{gone}").unlink()
    found = group(tmp_path, by="folder", raw=raw)
    assert [shot.path.name for shot in found.brackets[0].shots] == [f"IMG_000{i}.{kept}" for i in (1, 2, 3)]
    assert left_out(found) == {f"IMG_000{i}.{gone}": f"it is the shot of IMG_000{i}.{kept}" for i in (1, 3)}
    assert found.brackets[0].notes == ()


def test_a_bracket_of_raw_and_other_files_is_noted(tmp_path):
    write_brackets(tmp_path, 1, evs=(-2, 2))
    (tmp_path / "IMG_0003.NEF").write_bytes(b"as if raw")
    (bracket,) = group(tmp_path, by="folder").brackets
    assert bracket.notes == ("some exposures are RAW files, others not: their tones may differ",)


def test_raw_and_jpeg_as_phones_name_them_are_one_shot(tmp_path):
    for name in ("PXL_1", "PXL_2.MP"):
        write_plain(tmp_path / f"{name.replace('.MP', '.RAW-01.MP') if '.' in name else name + '.RAW-01'}.COVER.jpg")
        (tmp_path / f"{name.partition('.')[0]}.RAW-02.ORIGINAL.dng").write_bytes(b"as if raw")
    (bracket,) = group(tmp_path, by="folder").brackets
    assert [shot.path.suffix for shot in bracket.shots] == [".jpg", ".jpg"]


@pytest.mark.parametrize(("raw", "kept"), [(False, "JPG"), (True, "RAW")])
def test_folders_named_after_formats_give_each_bracket_once(tmp_path, raw, kept):
    suffix = {"RAW": "NEF", "JPG": "JPG"}
    for name in ("IMG_0001", "IMG_0002"):
        write_plain(tmp_path / "JPG" / f"{name}.JPG")
        (tmp_path / "RAW").mkdir(exist_ok=True)
        (tmp_path / "RAW" / f"{name}.NEF").write_bytes(b"as if raw")
    found = group(tmp_path, by="folder", raw=raw)
    assert brackets(found, tmp_path) == {kept: [f"{kept}/IMG_000{i}.{suffix[kept]}" for i in (1, 2)]}
    assert set(left_out(found).values()) == {f"it is the shot of {kept}/IMG_000{i}.{suffix[kept]}" for i in (1, 2)}


def test_of_a_jpeg_and_a_deeper_tiff_the_tiff_is_taken(tmp_path):
    for name in ("a", "b"):
        write_plain(tmp_path / f"{name}.jpg")
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((16, 16, 3), 30_000, np.uint16), photometric="rgb")
    found = group(tmp_path, by="folder")
    assert [shot.path.name for shot in found.brackets[0].shots] == ["a.tif", "b.tif"]


def test_names_that_begin_with_an_exposure_are_kept(tmp_path):
    for i, name in enumerate(("-2EV.jpg", "+2EV.jpg", "0EV.jpg")):
        write_shot(tmp_path / name, 2 * i, i)
    assert [len(b.shots) for b in group(tmp_path).brackets] == [3]


def test_a_flash_frame_is_left_out(tmp_path):
    write_brackets(tmp_path, 1)
    write_shot(tmp_path / "IMG_0004.jpg", 0.7, 1.5, flash=True)
    assert left_out(group(tmp_path)) == {
        "IMG_0004.jpg": "its flash fired, and there is no bracket of exposures with flash"
    }
