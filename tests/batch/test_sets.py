"""One tone for the brackets of a panorama or a sequence, found by content, and never for unrelated ones."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from builders.photographs import boxes, exposed, write_shot

from lightfuse.batch import sets
from lightfuse.batch.manifest import MANIFEST_NAME
from lightfuse.batch.plan import plan_jobs
from lightfuse.batch.sets import candidate_sets, find_tone, small_frames
from lightfuse.brackets.grouping import group_folder
from lightfuse.fuser import Fuser
from lightfuse.images import read_picture
from lightfuse.options import FuseOptions

EVS = (0, -2, 2)


def write_set(folder, lights, *, evs=EVS, interval=8.0, noise=0.0):
    """One bracket of each of some scenes, in EXIF ``interval`` seconds apart, with noise of so many levels."""
    for number, light in enumerate(lights):
        for step, ev in enumerate(evs):
            path = folder / f"IMG_{number:02d}{step}.png"
            pixels = exposed(light, ev, noise=noise, seed=number * 3 + step)
            write_shot(path, ev, number * interval + step * 0.5, mode=2, bias=ev, pixels=pixels)


@pytest.fixture
def fuse(lightfuse_program):
    """Fuses a folder; returns the pictures in order, and what is recorded of them as parts of a set."""

    def run(folder, *more):
        out = folder.with_name(f"{folder.name}-out")
        ended = lightfuse_program("batch", folder, "-o", out, "--format", "png", "-q", "--overwrite", *more)
        assert ended.code == 0, ended
        records = map(json.loads, (out / MANIFEST_NAME).read_text().splitlines())
        by_name = {record["output"]: record["set"] for record in records}
        return [read_picture(path).pixels.astype(float) for path in sorted(out.glob("*.png"))], set(by_name.values())

    return run


@pytest.fixture
def tiles(tmp_path):
    """Five tiles that overlap by half, of a scene four stops brighter on the right."""
    scene = boxes(960, 200, rise=5)
    write_set(tmp_path / "tiles", [scene[:, x : x + 320] for x in range(0, 641, 160)])
    return tmp_path / "tiles"


def seams(pictures):
    """Mean levels by which each tile differs from the next where they overlap."""
    return [abs(a[:, 160:].mean() - b[:, :160].mean()) for a, b in pairwise(pictures)]


@pytest.mark.slow
def test_tiles_of_a_panorama_get_one_tone(tiles, fuse):
    pictures, matched = fuse(tiles)
    assert matched == {True}
    assert max(seams(pictures)) < 1
    apart, matched = fuse(tiles, "--no-match")
    assert matched == {False}
    assert max(seams(apart)) > 3


@pytest.mark.slow
def test_tiles_are_recognised_by_whichever_exposures_show_that_they_overlap(tmp_path, fuse):
    """At -2 EV, noise hides what little light there is."""
    scene = boxes(960, 200, rise=2) * 2.0**-7
    write_set(tmp_path / "dark", [scene[:, x : x + 320] for x in range(0, 641, 160)], noise=2)
    assert fuse(tmp_path / "dark")[1] == {True}


@pytest.mark.slow
def test_tiles_are_no_sequence_for_being_black_in_the_exposure_shot_between_the_others(tmp_path, fuse):
    scene = boxes(960, 200, rise=3)
    for evs in ((0, -14, 3), (-14, 0, 3)):
        write_set(tmp_path / str(evs), [scene[:, x : x + 320] for x in range(0, 641, 160)], evs=evs)
    first, second = (fuse(tmp_path / str(evs))[0] for evs in ((0, -14, 3), (-14, 0, 3)))
    assert all(map(np.array_equal, first, second))


@pytest.mark.slow
def test_what_stands_still_in_a_sequence_keeps_its_level(tmp_path, fuse):
    scene, lights = boxes(320, 200, seed=3, rise=3), []
    for position in range(0, 320, 64):
        light = scene.copy()
        light[110:180, position : position + 70] = 0.9 if position % 128 else 0.004
        lights.append(light)
    write_set(tmp_path / "sequence", lights, interval=120.0)
    pictures, matched = fuse(tmp_path / "sequence", "--align", "off")
    assert matched == {True}
    assert np.ptp([picture[:90].mean() for picture in pictures]) < 0.2


@pytest.mark.slow
def test_a_bracket_without_one_of_its_pictures_does_not_end_a_sequence(tmp_path, fuse):
    write_set(tmp_path / "sequence", [boxes(320, 200, seed=3, rise=3)] * 5, interval=120.0)
    (tmp_path / "sequence" / "IMG_022.png").unlink()
    _, matched = fuse(tmp_path / "sequence")
    out = (tmp_path / "sequence-out" / MANIFEST_NAME).read_text().splitlines()
    assert {record["output"][4:6]: record["set"] for record in map(json.loads, out)} == {
        "00": True, "01": True, "02": False, "03": True, "04": True,
    }  # fmt: skip
    assert matched == {True, False}


@pytest.mark.slow
def test_a_picture_that_cannot_be_read_fails_its_bracket_and_not_the_tone_of_the_others(tiles, lightfuse_program):
    damaged = bytearray((tiles / "IMG_021.png").read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 200] = bytes(200)
    (tiles / "IMG_021.png").write_bytes(damaged)
    out = tiles.with_name("out")
    assert lightfuse_program("batch", tiles, "-o", out, "--format", "png", "-q").code == 1
    records = [json.loads(line) for line in (out / MANIFEST_NAME).read_text().splitlines()]
    assert {record["output"][4:6] for record in records if record["status"] == "failed"} == {"02"}
    assert all(record["set"] for record in records)


def test_a_fault_while_a_bracket_is_read_costs_that_bracket_only(tiles, monkeypatch):
    brackets = group_folder(tiles).brackets
    (candidate,) = candidate_sets(brackets, plan_jobs(brackets, tiles / "out"), None)

    def read(inputs, *limits):
        if inputs[0].name == "IMG_020.png":
            raise RuntimeError("a fault of a decoder's")
        return small_frames(inputs, *limits)

    monkeypatch.setattr(sets, "small_frames", read)
    with ThreadPoolExecutor() as executor:
        assert find_tone(candidate, executor, Fuser("small"), FuseOptions(), lambda: None).count == 3


@pytest.mark.slow
def test_unrelated_brackets_keep_their_own_tones_unless_match_is_named(tmp_path, fuse):
    write_set(tmp_path / "rooms", [boxes(320, 200, seed=seed, rise=seed - 2) for seed in range(4)])
    by_default, matched = fuse(tmp_path / "rooms")
    assert matched == {False}
    apart, _ = fuse(tmp_path / "rooms", "--no-match")
    assert all(map(np.array_equal, by_default, apart))
    assert fuse(tmp_path / "rooms", "--match")[1] == {True}


@pytest.mark.slow
def test_one_more_picture_takes_the_tone_of_a_fused_one(tiles, tmp_path, fuse, lightfuse_program):
    pictures, _ = fuse(tiles)
    out = tiles.with_name("tiles-out")
    last = sorted(tiles.glob("IMG_04*"))
    again = tmp_path / "again.png"
    assert lightfuse_program("fuse", *last, "-o", again, "--like", out / "IMG_000_fused.png").code == 0
    assert abs(read_picture(again).pixels.mean() - pictures[4].mean()) < 0.3
    alone = tmp_path / "alone.png"
    assert lightfuse_program("fuse", *last, "-o", alone).code == 0
    assert abs(read_picture(alone).pixels.mean() - pictures[4].mean()) > 2


@pytest.mark.slow
def test_like_needs_a_picture_that_tells_a_tone_for_as_many_exposures(tiles, tmp_path, lightfuse_program):
    first, second, third = sorted(tiles.glob("IMG_00*"))
    output = tmp_path / "o.png"
    ended = lightfuse_program("fuse", first, second, "-o", output, "--like", first)
    assert ended.code == 2
    assert f"{first} does not tell its tone" in ended.err
    assert lightfuse_program("fuse", first, second, "-o", output).code == 0
    ended = lightfuse_program("fuse", first, second, third, "-o", tmp_path / "p.png", "--like", output)
    assert "that asked for is of 2 exposures, and these are 3" in ended.err


@pytest.mark.slow
def test_a_set_is_up_to_date_as_a_whole(tiles, fuse, lightfuse_program):
    fuse(tiles)
    command = "batch", tiles, "-o", tiles.with_name("tiles-out"), "--format", "png"
    assert "5 done before" in lightfuse_program(*command).out
    (tiles / "IMG_042.png").touch()
    assert "was made from other inputs or options" in lightfuse_program(*command).err
