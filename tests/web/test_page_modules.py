"""The page's reading of EXIF, order, grouping and exposure selection in Node: all are Python's."""

import json
import random
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from builders.node import needs_node, rgba, run_node
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from lightfuse.brackets.bracket import exposure_order
from lightfuse.brackets.exif_groups import Shot, group_by_exif
from lightfuse.brackets.selection import select_exposures
from lightfuse.fuser import Fuser
from lightfuse.images import ShotInfo, probe_picture
from lightfuse.metrics.mef_ssim import MefSsim
from lightfuse.web.files import STATIC
from tools.synthetic import sample_bracket

HERE = Path(__file__).parent
SIZE = (96, 64)
BRACKETS = [(-6.0, -3.0, 0.0, 3.0, 6.0), (-2.0, 0.0, 2.0), (-9.0, -2.0, 1.0, 8.0)]
SHOTS = [
    [(0.5, ShotInfo(exposure_time=1 / 30)), (0.2, ShotInfo(exposure_time=1 / 125)), (0.8, ShotInfo(exposure_time=0.5))],
    [(0.201, ShotInfo(exposure_time=1 / 30, iso=100)), (0.2, ShotInfo(exposure_time=1 / 30, iso=800))],
    [(0.6, ShotInfo(exposure_time=1 / 500)), (0.2, ShotInfo(exposure_time=1 / 30))],
    [(0.6, ShotInfo(exposure_time=1 / 30)), (0.2, ShotInfo(exposure_time=1 / 30))],
    [(0.5, ShotInfo(exposure_time=1 / 30, f_number=8)), (0.4, ShotInfo(exposure_time=1 / 60))],
    [(0.205, ShotInfo(exposure_time=1 / 60)), (0.2, ShotInfo(exposure_time=1 / 30))],
    [(0.5, ShotInfo()), (0.4, ShotInfo())],
]
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
            )
            shots.append(Shot(Path(f"IMG_{len(shots) + 1:04d}.jpg"), info))
            now += timedelta(seconds=seconds + chance.choice([0.2, 0.5, 1.1, 3.3]))
        now += timedelta(seconds=chance.choice([0, 1.3, 4.1, 12, 50]))
        light += chance.choice([0, 0, 0.1, 0.5, 3])
    return shots


SERIES = [random_series(random.Random(seed)) for seed in range(400)]


def as_json(info):
    """A shot as the page's `shotOf` gives it."""
    return {
        "time": info.exposure_time,
        "aperture": info.f_number,
        "iso": info.iso,
        "bias": info.exposure_bias,
        "mode": info.exposure_mode,
        "flash": info.flash,
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


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The brackets' pictures, the photographs with EXIF, and the page's answer."""
    folder = tmp_path_factory.mktemp("page")
    brackets = [sample_bracket(*SIZE, evs, seed=i).pictures for i, evs in enumerate(BRACKETS)]
    jobs = []
    for number, pictures in enumerate(brackets):
        paths = [folder / f"{number}-{i}.rgba" for i in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            path.write_bytes(rgba(picture).tobytes())
        jobs.append({"paths": list(map(str, paths)), "width": SIZE[0], "height": SIZE[1]})
    files = write_photographs(folder)
    given = {
        "brackets": jobs,
        "orders": [[{"brightness": level, "shot": as_json(shot)} for level, shot in frames] for frames in SHOTS],
        "series": [[{"name": one.path.name, "shot": as_json(one.info)} for one in shots] for shots in SERIES],
        "files": list(map(str, files)),
    }
    job = folder / "job.json"
    job.write_text(json.dumps(given))
    ended = run_node(HERE / "page_in_node.mjs", STATIC, job)
    assert ended.returncode == 0, ended.stderr
    return brackets, files, json.loads(ended.stdout)


def test_mef_ssim_is_that_of_python(answered):
    brackets, _, told = answered
    for pictures, one in zip(brackets, told["selections"], strict=True):
        mef_ssim = MefSsim(pictures)
        assert one["scores"] == pytest.approx([mef_ssim.score(picture) for picture in pictures], abs=1e-6)
        assert max(one["scores"]) - min(one["scores"]) > 0.1


def test_selections_are_those_of_python(answered):
    brackets, _, told = answered
    fuser = Fuser("base", 1)
    wanted = [list(select_exposures(pictures, fuser)) for pictures in brackets]
    assert [one["selection"] for one in told["selections"]] == wanted
    assert {len(selection) for selection in wanted} == {2, 3}


def test_order_of_exposures_is_that_of_python(answered):
    wanted = [list(exposure_order(*zip(*frames, strict=True)).positions) for frames in SHOTS]
    assert answered[2]["orders"] == wanted
    assert any(a > b for order in wanted for a, b in pairwise(order))


def test_brackets_of_many_photographs_are_those_of_python(answered):
    wanted = [[[shot.path.name for shot in group] for group in group_by_exif(shots).groups] for shots in SERIES]
    different = [
        (seed, got, one)
        for seed, (got, one) in enumerate(zip(answered[2]["groups"], wanted, strict=True))
        if got != one
    ]
    assert different == []
    assert len({len(groups) for groups in wanted}) > 4


def test_exif_is_read_as_by_python(answered):
    _, files, told = answered
    for path, shot in zip(files, told["shots"], strict=True):
        info = probe_picture(path).shot
        wanted = as_json(info) if info.exposure_time else {}
        assert shot == pytest.approx(wanted, rel=1e-12) if path.stem == "none" else shot == wanted
    assert told["shots"][0]["bias"] == pytest.approx(-5 / 3)
