"""The engine in Node: golden pictures, whole and by strips; alignment; files never out of date."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from builders.node import needs_node, rgba, run_node
from builders.weights import framed

from lightfuse import core
from lightfuse.align import align_bracket
from lightfuse.fuser import Fuser
from lightfuse.golden import TOLERANCES, compare, load_golden
from lightfuse.web.server import STATIC
from tools import web_build as build
from tools.synthetic import HandShake, sample_bracket, sample_pair
from tools.web_build import MODELS

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "web"
MAKE_AGAIN = "out of date: run make web"


def run_engine(folder, pairs, models=None, **options):
    """Have the engine fuse or align pairs of pictures; returns the results, RGB, and what it tells of them."""
    jobs = []
    for number, (first, second) in enumerate(pairs):
        paths = {name: str(folder / f"{number}-{name}.rgba") for name in ("first", "second", "out")}
        Path(paths["first"]).write_bytes(rgba(first).tobytes())
        Path(paths["second"]).write_bytes(rgba(second).tobytes())
        size = {"width": first.shape[1], "height": first.shape[0]}
        jobs.append({**paths, **size, "model": models[number] if models else "base"})
    job = folder / "job.json"
    job.write_text(json.dumps({"pairs": jobs, **options}))
    shutil.copytree(STATIC / "engine", folder / "lib", dirs_exist_ok=True)
    index = shutil.copy(PACKAGE / "index.js", folder / "index.mjs")
    ended = run_node(HERE / "engine_in_node.mjs", index, job)
    assert ended.returncode == 0, ended.stderr
    values = np.float32 if options.get("fine") else np.uint8
    results = [
        np.frombuffer(Path(one["out"]).read_bytes(), values).reshape(*first.shape[:2], 4)
        for one, (first, _) in zip(jobs, pairs, strict=True)
    ]
    return results, json.loads(ended.stdout)


def fused_in_node(folder, triples, *, strips=False):
    """The results of (under, over, model), RGB; asserts that they are opaque."""
    pairs, models = [triple[:2] for triple in triples], [model for *_, model in triples]
    results, _ = run_engine(folder, pairs, models, strips=strips)
    assert all((result[..., 3] == 255).all() for result in results)
    return [result[..., :3] for result in results]


def aligned_in_node(folder, pairs):
    """What `align` tells of each (base, frame), with the picture it gives, RGB, as "picture"."""
    results, told = run_engine(folder, pairs, aligned=True)
    return [{**one, "picture": result[..., :3]} for one, result in zip(told, results, strict=True)]


@needs_node
@pytest.mark.parametrize("strips", [False, True], ids=["whole", "strips"])
def test_it_gives_the_golden_pictures(tmp_path, strips):
    cases = [case for case in load_golden().cases if case.under.dtype == np.uint8]
    wanted = [(case, model) for case in cases for model in MODELS]
    pairs = [(case.under, case.over, model) for case, model in wanted]
    results = fused_in_node(tmp_path, pairs, strips=strips)
    compared = [
        compare(case, model, got, TOLERANCES["wasm"]) for (case, model), got in zip(wanted, results, strict=True)
    ]
    assert len(compared) == 2 * len(cases) >= 8
    assert [one for one in compared if not one.passed] == []


@needs_node
def test_what_is_not_rounded_to_bytes_is_nearly_what_floats_give_and_rounds_to_the_bytes(tmp_path):
    under, over = sample_pair(300, 200)
    (levels,), _ = run_engine(tmp_path, [(under, over)], fine=True)
    levels = levels[..., :3]
    fuser = Fuser("base", 1)
    assert np.array_equal(np.floor(levels + 0.5), fuser(under, over))
    wanted = fuser(under.astype(np.float32) / 255, over.astype(np.float32) / 255) * 255
    assert np.abs(levels - wanted).mean() < 0.03
    assert np.abs(levels - wanted).max() < 0.5
    assert len(np.unique(levels)) > 10_000


@needs_node
def test_the_order_of_the_two_does_not_matter(tmp_path):
    under, over = sample_pair(61, 47)
    grey = np.full((5, 7, 3), 90, np.uint8)
    other = grey[:, ::-1].copy()
    other[0, 0], other[4, 6] = (91, 90, 90), (89, 90, 90)
    pairs = [(under, over, "base"), (over, under, "base"), (grey, other, "small"), (other, grey, "small")]
    first, turned, second, second_turned = fused_in_node(tmp_path, pairs)
    assert np.array_equal(first, turned)
    assert np.array_equal(second, second_turned)


@needs_node
@pytest.mark.parametrize("size", [(2000, 3), (3, 2000), (700, 500)])
def test_shapes_that_need_several_strips_agree_with_the_native_core(tmp_path, size):
    width, height = size
    under, over = (np.resize(picture, (height, width, 3)) for picture in sample_pair(150, 100, noise=False))
    (result,) = fused_in_node(tmp_path, [(under, over, "base")])
    assert np.array_equal(result, Fuser("base", 1)(under, over))


@needs_node
@pytest.mark.parametrize("strips", [False, True], ids=["whole", "strips"])
def test_a_border_is_left_out_as_by_the_native_core(tmp_path, strips):
    under, over = (framed(picture, 60) for picture in sample_pair(300, 200))
    (result,) = fused_in_node(tmp_path, [(under, over, "small")], strips=strips)
    assert np.array_equal(result, Fuser("small", 1)(under, over))


@needs_node
def test_the_javascript_package_passes_its_own_tests(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "web", ignore=shutil.ignore_patterns("lib", "node_modules"))
    shutil.copytree(STATIC / "engine", tmp_path / "src" / "lightfuse" / "web" / "static" / "engine")
    assert run_node(tmp_path / "web" / "prepare.mjs").returncode == 0
    ended = run_node("--test", *sorted((tmp_path / "web" / "test").glob("*.test.mjs")))
    assert ended.returncode == 0, ended.stdout
    assert "# pass 10" in ended.stdout


def test_the_builds_are_small():
    sizes = {name: (STATIC / name).stat().st_size for name in build.BUILDS}
    assert len(sizes) == 2
    assert max(sizes.values()) <= 90_000, sizes


def test_what_is_shipped_was_made_from_these_sources():
    assert json.loads((STATIC / build.RECORD).read_text())["sources"] == build.sources_digest(), MAKE_AGAIN


def test_making_it_again_gives_the_same_bytes():
    made_by = json.loads((STATIC / build.RECORD).read_text())["ziglang"]
    if build.ziglang_version() != made_by:
        pytest.skip(f"ziglang {made_by} is not installed")
    for name in build.BUILDS:
        assert build.compiled(name) == (STATIC / name).read_bytes(), MAKE_AGAIN


def test_the_list_for_offline_use_is_of_these_files():
    assert (STATIC / build.LIST_NAME).read_text() == build.listed_files(), MAKE_AGAIN
    needed = (
        "index.html",
        "page/worker.js",
        "engine/align.js",
        "engine/lightfuse.wasm",
        "engine/lightfuse-deghost.wasm",
        "sample/over.jpg",
    )
    assert [name for name in needed if f'"{name}"' not in build.listed_files()] == []


def test_the_sample_pair_is_light():
    assert sum(path.stat().st_size for path in (STATIC / "sample").iterdir()) <= 300_000


# ---- Alignment, against movements known exactly ----------------------------------------------------------------------


SIZE = (480, 320)
FARTHEST_OFF = 0.35  # pixels, at the corner that is farthest off


def corners_off(warp, truth, size=SIZE):
    """How far apart two homographies carry the corner where they differ most."""
    x, y = size[0] - 1.0, size[1] - 1.0
    corners = np.array([[0, x, x, 0], [0, 0, y, y], [1.0, 1, 1, 1]])
    a, b = np.reshape(warp, (3, 3)) @ corners, truth @ corners
    return np.linalg.norm(a[:2] / a[2] - b[:2] / b[2], axis=0).max()


@pytest.fixture(scope="module")
def shaken(tmp_path_factory):
    """Shaken brackets of two, 2 to 6 stops apart, and what was told of laying the second of each on the first."""
    shakes = [
        (1.0, HandShake((0.03, -0.02), 1.0)),
        (2.0, HandShake((-0.012, 0.03), -2.0, (0.004, 0.003))),
        (3.0, HandShake((0.01, 0.008), 0.6, (-0.005, 0.004))),
        (
            3.0,
            HandShake((0.0005, 0.0)),
        ),
    ]
    brackets = [sample_bracket(*SIZE, (-ev, ev), seed=i, shake=shake) for i, (ev, shake) in enumerate(shakes)]
    told = aligned_in_node(tmp_path_factory.mktemp("shaken"), [bracket.pictures for bracket in brackets])
    return list(zip(brackets, told, strict=True))


@needs_node
def test_movements_of_a_hand_are_found_to_a_part_of_a_pixel(shaken):
    off = [corners_off(one["warp"], bracket.homographies[1]) for bracket, one in shaken[:3]]
    assert [one["moved"] for _, one in shaken[:3]] == [True] * 3
    assert max(off) < FARTHEST_OFF, off


@needs_node
def test_alignment_is_the_same_to_the_bit_as_that_of_the_native_core(shaken):
    for bracket, told in shaken:
        base, frame = bracket.pictures
        ((warp, pixels, _),) = core.align_frames(base, [frame], False)
        assert [warp, pixels] == [told["warp"], told["pixels"]]
        np.testing.assert_array_equal(told["picture"], align_bracket([base, frame], 0).frames[1])


@needs_node
def test_a_frame_is_moved_by_as_much_as_is_told(shaken):
    for bracket, one in shaken[:3]:
        assert one["pixels"] == pytest.approx(corners_off(one["warp"], np.eye(3)))
        assert abs(one["pixels"] - corners_off(np.eye(3), bracket.homographies[1])) < FARTHEST_OFF


@needs_node
def test_a_movement_of_less_than_a_third_of_a_pixel_is_not_worth_the_blur(shaken):
    bracket, told = shaken[3]
    assert 0.2 < corners_off(np.eye(3), bracket.homographies[1]) < 0.3
    assert not told["moved"]
    assert np.array_equal(told["picture"], bracket.pictures[1])


@needs_node
def test_the_moved_frame_lies_on_the_base_and_its_border_goes_on_in_its_own_tones(shaken):
    """Against the frame that a steady hand would have taken; noise and interpolation allowed for."""
    for index, (bracket, told) in enumerate(shaken[:3]):
        steady = sample_bracket(*SIZE, bracket.evs, seed=index).pictures[1].astype(float)
        error = np.abs(told["picture"] - steady).mean(axis=2)
        before = np.abs(bracket.pictures[1] - steady).mean(axis=2)
        inside, border = np.s_[20:-20, 20:-20], np.ones(error.shape, bool)
        border[inside] = False
        assert error[inside].mean() < before[inside].mean() / 4
        assert error[border].mean() < before[border].mean() / 2


@needs_node
def test_frames_that_lie_right_or_show_nothing_stay_the_very_same(tmp_path):
    under, over = sample_bracket(*SIZE, (-3, 3), seed=2).pictures
    noise = np.random.default_rng(0).integers(0, 256, over.shape, dtype=np.uint8)
    pairs = [(over, under), (over, np.zeros_like(over)), (over, noise), (over, over)]
    told = aligned_in_node(tmp_path, pairs)
    assert [one["moved"] for one in told] == [False] * 4
    assert [bool(one["reason"]) for one in told] == [False, True, True, False]
    for one, (_, frame) in zip(told, pairs, strict=True):
        assert np.array_equal(one["picture"], frame)
