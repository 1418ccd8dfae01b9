"""The WebAssembly core in Node: golden pictures from both builds, whole and by strips, and never out of date."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from builders.node import needs_node, rgba, run_node

from lightfuse.fuser import Fuser
from lightfuse.golden import TOLERANCES, compare, load_golden
from lightfuse.web.files import LIST_NAME, STATIC, listed_files
from tools import web_build as build
from tools.synthetic import sample_pair
from tools.web_build import MODELS

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "web"
MAKE_AGAIN = "out of date: run make web"


def fused_in_node(folder, pairs, *, simd=True, strips=False):
    """The results of (under, over, model), RGB; asserts that they are opaque."""
    jobs = []
    for number, (under, over, model) in enumerate(pairs):
        paths = {name: str(folder / f"{number}-{name}.rgba") for name in ("under", "over", "out")}
        Path(paths["under"]).write_bytes(rgba(under).tobytes())
        Path(paths["over"]).write_bytes(rgba(over).tobytes())
        jobs.append({**paths, "width": under.shape[1], "height": under.shape[0], "model": model})
    job = folder / "job.json"
    job.write_text(json.dumps({"pairs": jobs, "simd": simd, "strips": strips}))
    ended = run_node(HERE / "fuse_in_node.mjs", STATIC / "engine" / "index.js", job)
    assert ended.returncode == 0, ended.stderr
    results = []
    for (under, _, _), one in zip(pairs, jobs, strict=True):
        result = np.frombuffer(Path(one["out"]).read_bytes(), np.uint8).reshape(*under.shape[:2], 4)
        assert (result[..., 3] == 255).all()
        results.append(result[..., :3])
    return results


@needs_node
@pytest.mark.parametrize("strips", [False, True], ids=["whole", "strips"])
@pytest.mark.parametrize("simd", [True, False], ids=["simd", "scalar"])
def test_both_builds_give_the_golden_pictures(tmp_path, simd, strips):
    cases = [case for case in load_golden().cases if case.under.dtype == np.uint8]
    wanted = [(case, model) for case in cases for model in MODELS]
    pairs = [(case.under, case.over, model) for case, model in wanted]
    results = fused_in_node(tmp_path, pairs, simd=simd, strips=strips)
    compared = [
        compare(case, model, got, TOLERANCES["wasm"]) for (case, model), got in zip(wanted, results, strict=True)
    ]
    assert len(compared) == 2 * len(cases) >= 8
    assert [one for one in compared if not one.passed] == []


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
    assert np.abs(result.astype(int) - Fuser("base", 1)(under, over)).max() <= 1


@needs_node
@pytest.mark.skipif(not PACKAGE.is_dir(), reason="the JavaScript package is not part of this source tree")
def test_the_javascript_package_passes_its_own_tests(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "web", ignore=shutil.ignore_patterns("lib", "node_modules"))
    shutil.copytree(STATIC / "engine", tmp_path / "src" / "lightfuse" / "web" / "static" / "engine")
    assert run_node(tmp_path / "web" / "prepare.mjs").returncode == 0
    ended = run_node("--test", *sorted((tmp_path / "web" / "test").glob("*.test.mjs")))
    assert ended.returncode == 0, ended.stdout
    assert "# pass 11" in ended.stdout


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
    assert (STATIC / LIST_NAME).read_text() == listed_files(), MAKE_AGAIN
    needed = (
        "index.html",
        "page/worker.js",
        "engine/align.js",
        "engine/lightfuse-simd.wasm",
        "sample/over.jpg",
    )
    assert [name for name in needed if f'"{name}"' not in listed_files()] == []


def test_the_sample_pair_is_light():
    assert sum(path.stat().st_size for path in (STATIC / "sample").iterdir()) <= 300_000
