"""The page's reading of EXIF, grouping, selection, deghosting and gain maps in Node, against Python's."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from builders.node import needs_node, rgba, run_node
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from lightfuse.brackets.exif_groups import Shot, group_by_exif
from lightfuse.brackets.selection import select_exposures
from lightfuse.colorspace import srgb_to_linear
from lightfuse.deghost import deghost_bracket
from lightfuse.fuser import Fuser
from lightfuse.hdr.gain_map import gain_map
from lightfuse.images import ShotInfo, probe_picture
from lightfuse.web.server import STATIC
from tools.synthetic import Camera, Scene, moving_object, sample_bracket

HERE = Path(__file__).parent
SIZE = (96, 64)
BRACKETS = [(-6.0, -3.0, 0.0, 3.0, 6.0), (-2.0, 0.0, 2.0), (-9.0, -2.0, 1.0, 8.0)]
MOVING_SIZE = (302, 201)
MOVING = [(-2.0, 2.0), (-3.0, 0.0, 3.0)]
NOON = datetime(2026, 6, 21, 12)
PATTERNS = [[0, -2, 2], [-2, 0, 2], [0, -1], [-3, -1.5, 0, 1.5, 3], [0, 0, -2, 2], [0], [-0.3, 0, 0.3]]
pytestmark = needs_node


def random_series(chance):
    """Shots of a walk: brackets, single pictures and repeats, with gaps, drifting light and missing EXIF."""
    shots, now, light = [], NOON, 0.0
    pattern, shuffled, mode = chance.choice(PATTERNS), chance.random() < 0.3, chance.choice([None, 0, 1, 2])
    timed, biased = chance.random() < 0.8, chance.random() < 0.4
    for _ in range(chance.randint(1, 5)):
        if chance.random() < 0.3:
            pattern, mode = chance.choice(PATTERNS), chance.choice([None, 0, 1, 2])
        evs = chance.sample(pattern, len(pattern)) if shuffled else pattern
        for ev in evs[: chance.choice([len(evs), len(evs), len(evs), 2])]:
            seconds = 2.0 ** (light + ev) / chance.choice([60, 60, 60, 0.5])
            info = ShotInfo(
                exposure_time=seconds if chance.random() < 0.97 else None,
                f_number=chance.choice([8.0, 8.0, None]),
                iso=100.0,
                exposure_bias=float(ev) if biased else chance.choice([None, 0.0, 0.0]),
                taken=now if timed and chance.random() < 0.98 else None,
                model=chance.choice(["A camera"] * 9 + ["Another"]),
                exposure_mode=mode,
                flash=chance.random() < 0.03,
                rendered=len(shots) % 11 == 7,
            )
            shots.append(Shot(Path(f"IMG_{len(shots) + 1:04d}.jpg"), info))
            now += timedelta(seconds=seconds + chance.choice([0.2, 0.5, 1.1, 3.3]))
        now += timedelta(seconds=chance.choice([0, 1.3, 4.1, 12, 50]))
        light += chance.choice([0, 0, 0.1, 0.5, 3])
    return shots


def regular_series(chance):
    """Shots of a walk on which every bracket is complete, has the same steps, and repeats no exposure."""
    pattern, shots, now = chance.choice([one for one in PATTERNS if len(set(one)) == len(one) > 1]), [], NOON
    for _ in range(chance.randint(1, 6)):
        for ev in pattern:
            info = ShotInfo(exposure_time=2.0**ev / 60, f_number=8.0, iso=100.0, taken=now, exposure_mode=2)
            shots.append(Shot(Path(f"IMG_{len(shots) + 1:04d}.jpg"), info))
            now += timedelta(seconds=2.0**ev / 60 + 0.2)
        now += timedelta(seconds=chance.choice([0, 1.3, 4.1, 12, 50]))
    return shots


REGULAR = [regular_series(random.Random(seed)) for seed in range(40)]
SERIES = REGULAR + [random_series(random.Random(seed)) for seed in range(400)]


def as_json(info):
    """A shot as the page's `shotOf` gives it."""
    return {
        "time": info.exposure_time,
        "aperture": info.f_number,
        "iso": info.iso,
        "bias": info.exposure_bias,
        "mode": info.exposure_mode,
        "flash": info.flash,
        "rendered": info.rendered,
        "camera": "\n".join(text or "" for text in (info.make, info.model, info.serial)),
        "taken": info.taken and (info.taken - datetime(1970, 1, 1)).total_seconds(),
    }


def write_photographs(folder):
    """Photographs with EXIF in each format that the page reads it from; the last has none."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "A maker", "A camera", "2026:06:21 09:00:00"
    shooting = {0x829A: IFDRational(1, 250), 0x829D: IFDRational(28, 10), 0x8827: 400, 0x9204: IFDRational(-5, 3)}
    shooting |= {0x9003: "2026:06:21 12:30:05", 0x9291: "25", 0xA402: 2, 0x9209: 25, 0xA431: "0042"}
    exif.get_ifd(0x8769).update(shooting)
    picture = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    paths = [folder / name for name in ("a.jpg", "a.png", "a.webp", "none.jpg")]
    for path in paths[:3]:
        picture.save(path, exif=exif)
    picture.save(paths[3])
    return paths


def lit_brackets():
    """Dark to bright, of which the first has a light that the others clip."""
    return [sample_bracket(*MOVING_SIZE, evs).pictures for evs in ([-3.0, 0.0, 3.0], [-1.0, 2.0])]


def lamp_bracket():
    """A grey wall that the middle frames show best, with a lamp on 0.2 % of it that only the darkest frame holds."""
    frames = [np.full((*SIZE[::-1], 3), level, np.uint8) for level in (15, 60, 120, 180)]
    for frame, level in zip(frames, (200, 254, 255, 255), strict=True):
        frame[30:33, 40:44] = level
    return frames


def as_job(folder, name, pictures):
    """The pictures written for Node."""
    paths = [folder / f"{name}-{i}.rgba" for i in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        path.write_bytes(rgba(picture).tobytes())
    height, width = pictures[0].shape[:2]
    return {"paths": list(map(str, paths)), "width": width, "height": height}


def moving_bracket(evs):
    """A ball rolls through a room from one exposure to the next."""
    room = Scene(1).render(*MOVING_SIZE)
    lights = [moving_object(room, 0.1 + 0.3 * i)[0] for i in range(len(evs))]
    return [Camera().photograph(light, ev, seed=i) for i, (light, ev) in enumerate(zip(lights, evs, strict=True))]


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The brackets' pictures, the photographs with EXIF, and the page's answer."""
    folder = tmp_path_factory.mktemp("page")
    brackets = [sample_bracket(*SIZE, evs, seed=i).pictures for i, evs in enumerate(BRACKETS)]
    brackets.append(lamp_bracket())
    jobs = [as_job(folder, number, pictures) for number, pictures in enumerate(brackets)]
    files = write_photographs(folder)
    moving = [as_job(folder, f"moving{i}", moving_bracket(evs)) for i, evs in enumerate(MOVING)]
    fuser = Fuser("base", 1)
    lit = [as_job(folder, f"lit{i}", [fuser(p[0], p[-1]), p[0]]) for i, p in enumerate(lit_brackets())]
    given = {
        "brackets": jobs,
        "series": [[{"name": one.path.name, "shot": as_json(one.info)} for one in shots] for shots in SERIES],
        "files": list(map(str, files)),
        "moving": moving,
        "lit": lit,
    }
    job = folder / "job.json"
    job.write_text(json.dumps(given))
    ended = run_node(HERE / "page_in_node.mjs", STATIC, job)
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    answer["deghosted"] = [
        [np.fromfile(path, np.uint8).reshape(*MOVING_SIZE[::-1], 4)[..., :3] for path in job["paths"]] for job in moving
    ]
    return brackets, files, answer


def test_selections_are_those_of_python(answered):
    brackets, _, told = answered
    assert told["selections"] == [list(select_exposures(pictures)) for pictures in brackets]


def test_the_only_frame_that_holds_a_highlight_is_selected(answered):
    _, _, told = answered
    assert told["selections"][-1][0] == 0


def test_brackets_of_a_regular_series_are_those_of_python_and_most_of_others(answered):
    wanted = [[[shot.path.name for shot in group] for group in group_by_exif(shots).groups] for shots in SERIES]
    got = answered[2]["groups"]
    assert got[: len(REGULAR)] == wanted[: len(REGULAR)]
    found = sum(group in own for own, groups in zip(got, wanted, strict=True) for group in groups)
    assert found > 0.9 * sum(map(len, wanted))
    assert len({len(groups) for groups in wanted}) > 4


def test_exif_is_read_as_by_python(answered):
    _, files, told = answered
    for path, shot in zip(files, told["shots"], strict=True):
        info = probe_picture(path).shot
        wanted = as_json(info) if info.exposure_time else {}
        assert shot == pytest.approx(wanted, rel=1e-12) if path.stem == "none" else shot == wanted
    assert told["shots"][0]["bias"] == pytest.approx(-5 / 3)


def test_an_archive_has_room_for_four_gigabytes(answered):
    assert answered[2]["rooms"] == [True, True, False]


def test_ghosts_are_removed_as_by_python(answered):
    for evs, frames, share in zip(MOVING, answered[2]["deghosted"], answered[2]["shares"], strict=True):
        given = moving_bracket(evs)
        wanted = deghost_bracket(given)
        assert share == pytest.approx(max(float(mask.mean()) / 255 for mask in wanted.masks), abs=2e-3)
        for frame, want, before in zip(frames, wanted.frames, given, strict=True):
            np.testing.assert_array_equal(frame, want)
            assert (want is before) == np.array_equal(frame, before)
        assert sum(not np.array_equal(*pair) for pair in zip(frames, given, strict=True)) == len(evs) - 1


def test_gain_maps_are_those_of_python_for_the_darkest_frame(answered):
    for (dark, *_, bright), told in zip(lit_brackets(), answered[2]["gains"], strict=True):
        wanted = gain_map(Fuser("base", 1)(dark, bright), srgb_to_linear(np.float32(dark) / 255))
        assert told["stops"] == pytest.approx(wanted.max(), abs=0.005)
        assert (told["height"], told["width"]) == wanted.shape
        levels = np.reshape(told["data"], wanted.shape)
        assert np.abs(levels - wanted * 255 / wanted.max()).max() <= 2
        assert levels.max() == 255
