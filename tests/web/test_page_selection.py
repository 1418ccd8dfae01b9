"""The page's choice of exposures in Node: the order, the scores and the selections are Python's."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from builders.node import needs_node, rgba, run_node

from lightfuse.brackets.bracket import exposure_order
from lightfuse.brackets.selection import select_exposures
from lightfuse.fuser import Fuser
from lightfuse.images import ShotInfo
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
pytestmark = needs_node


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The brackets' pictures, and the page's answer."""
    folder = tmp_path_factory.mktemp("selections")
    brackets = [sample_bracket(*SIZE, evs, seed=i).pictures for i, evs in enumerate(BRACKETS)]
    jobs = []
    for number, pictures in enumerate(brackets):
        paths = [folder / f"{number}-{i}.rgba" for i in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            path.write_bytes(rgba(picture).tobytes())
        jobs.append({"paths": list(map(str, paths)), "width": SIZE[0], "height": SIZE[1]})
    shots = [
        [
            {"brightness": level, "shot": {"time": shot.exposure_time, "aperture": shot.f_number, "iso": shot.iso}}
            for level, shot in frames
        ]
        for frames in SHOTS
    ]
    job = folder / "job.json"
    job.write_text(json.dumps({"brackets": jobs, "shots": shots}))
    ended = run_node(HERE / "selection_in_node.mjs", STATIC, job)
    assert ended.returncode == 0, ended.stderr
    return brackets, json.loads(ended.stdout)


def test_mef_ssim_is_that_of_python(answered):
    brackets, told = answered
    for pictures, one in zip(brackets, told["brackets"], strict=True):
        judge = MefSsim(pictures)
        assert one["scores"] == pytest.approx([judge.score(picture) for picture in pictures], abs=1e-6)
        assert max(one["scores"]) - min(one["scores"]) > 0.1


def test_page_selections_are_those_of_python(answered):
    brackets, told = answered
    fuser = Fuser("base", 1)
    wanted = [list(select_exposures(pictures, fuser)) for pictures in brackets]
    assert [one["selection"] for one in told["brackets"]] == wanted
    assert {len(selection) for selection in wanted} == {2, 3}


def test_the_order_of_exposures_is_that_of_python(answered):
    wanted = [list(exposure_order(*zip(*frames, strict=True)).positions) for frames in SHOTS]
    assert answered[1]["orders"] == wanted
    assert any(a > b for order in wanted for a, b in pairwise(order))
