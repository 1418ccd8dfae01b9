"""``lightfuse benchmark``: a row a method, its numbers sensible, its mistakes told."""

import importlib.util
import json
import shutil

import numpy as np
import pytest

from benchmarks import methods
from lightfuse.benchmark import Method, Setup, available_methods, measure_all, synthetic_pair, three_by_two
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser


@pytest.fixture
def no_enfuse(monkeypatch):
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *more: None if name == "enfuse" else find(name, *more))


@pytest.fixture
def no_onnx_runtime(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures as a method is given them, and what they are."""
    place = tmp_path_factory.mktemp("pictures")
    pair = synthetic_pair(60, 40, 8)
    for name, picture in zip(("under", "over"), pair, strict=True):
        np.save(place / f"{name}.npy", picture)
    return place, pair


@pytest.mark.slow
def test_records_have_every_method_and_their_numbers_agree(lightfuse_program, no_enfuse, no_onnx_runtime):
    ended = lightfuse_program("benchmark", "--size", 0.06, "--model", "small", "--threads", 1, "--json")
    assert (ended.code, ended.err) == (0, "")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [(record["method"], record["bits"]) for record in records] == [
        ("cv2.addWeighted", 8),
        ("cv2.addWeighted", 16),
        ("cv2 Mertens", 8),
        ("small", 8),
        ("small", 16),
    ]
    for record in records:
        assert (record["width"], record["height"], record["threads"]) == (300, 200, 1)
        assert record["first_seconds"] > 0
        assert record["runs"] >= 1
        assert record["megapixels_per_second"] == pytest.approx(0.06 / record["seconds"])
        assert record["pictures_bytes"] == 3 * 300 * 200 * 3 * record["bits"] // 8
        if record["peak_bytes"] is not None:
            assert 10e6 + record["pictures_bytes"] < record["peak_bytes"] < 1e9


def test_the_table_is_of_the_default_models(lightfuse_program, monkeypatch):
    made = []

    def measured(chosen, setup, progress, missing):
        made.append((chosen, setup))
        missing("base, ONNX Runtime (8 bits) could not be measured: it is raining")
        return []

    monkeypatch.setattr("lightfuse.benchmark.measure_all", measured)
    ended = lightfuse_program("benchmark", "--size", 24, "--threads", 3)
    assert ended.code == 0
    (chosen, setup) = made[0]
    assert {"base", "small", "paper"} <= {method.name for method in chosen}
    assert setup == Setup(6000, 4000, 3)
    assert "6000×4000 (24 megapixels), 3 threads" in ended.out
    assert "First call" in ended.out
    assert "Left out: base, ONNX Runtime (8 bits) could not be measured: it is raining." in ended.out


def test_a_model_that_is_not_there_is_told(refused, tmp_path):
    assert "'papper' is not a shipped model" in refused(tmp_path, "benchmark", "--model", "papper")


def test_each_method_does_what_its_name_says(folder, no_enfuse):
    place, (under, over) = folder
    results = {method.key: method.prepare(place, 1)() for method in available_methods(["small"]) if method.bits == 8}
    assert np.array_equal(results["small/8"], Fuser("small")(under, over))
    assert np.abs(results["cv2.addWeighted/8"] - (under / 2 + over / 2)).max() <= 0.51
    assert under.mean() < results["cv2 Mertens/8"].mean() < over.mean()
    assert results["cv2 Mertens/8"].dtype == np.uint8


@pytest.mark.slow
def test_onnx_runtime_has_a_row_for_one_model_where_it_is_installed(folder):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    place, pair = folder
    (method,) = [m for m in methods.available_methods(["small", "base"]) if "ONNX" in m.name]
    assert method.name == "small, ONNX Runtime"
    fused = method.prepare(place, 1)()
    assert np.abs(fused.astype(int) - Fuser("small")(*pair)).max() <= 1
    assert [one.method for one in measure_all([method], Setup(30, 20, 1), worker=methods.WORKER)] == [method.name]


def test_onnx_runtime_is_spared_where_it_would_take_most_of_the_memory(folder, monkeypatch):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(methods, "_memory", lambda: 60 * 40 * 320)
    (method,) = [m for m in methods.available_methods(["base"]) if "ONNX" in m.name]
    with pytest.raises(LightFuseError, match="more than half of this machine's memory"):
        method.prepare(folder[0], 1)


def test_a_method_that_may_fail_is_left_out_and_the_rest_measured():
    gone = Method("gone", 8, available_methods([])[0].prepare, may_fail=True)
    average = available_methods([])[0]
    why = []
    measured = measure_all([gone, average], Setup(30, 20, 1), missing=why.append)
    assert [one.method for one in measured] == [average.name]
    (said,) = why
    assert said.startswith("gone (8 bits) could not be measured")


def test_enfuse_has_a_row_where_it_is_installed(tmp_path, monkeypatch, folder):
    program = tmp_path / "enfuse"
    program.write_text('#!/bin/sh\necho "enfuse: it is raining" >&2\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (enfuse,) = [method for method in methods.available_methods([]) if method.name == "enfuse"]
    assert enfuse.program
    with pytest.raises(LightFuseError, match="enfuse failed: enfuse: it is raining"):
        enfuse.prepare(folder[0], 2)()
    with pytest.raises(LightFuseError, match=r"enfuse \(8 bits\) could not be measured: enfuse failed"):
        measure_all([enfuse], Setup(30, 20, 1), worker=methods.WORKER)


def test_a_method_that_fails_is_named():
    unknown = Method("nothing", 8, available_methods([])[0].prepare)
    with pytest.raises(LightFuseError, match=r"nothing \(8 bits\) could not be measured"):
        measure_all([unknown], Setup(30, 20, 1))


@pytest.mark.parametrize(("megapixels", "size"), [(24, (6000, 4000)), (0.001, (39, 26)), (1e-9, (2, 1))])
def test_sizes_are_three_by_two(megapixels, size):
    assert three_by_two(megapixels) == size


def test_pictures_fill_any_size():
    under, over = synthetic_pair(1000, 530, 16)
    assert under.shape == over.shape == (530, 1000, 3)
    assert under.dtype == np.uint16
    assert np.array_equal(under[:, 768:], under[:, : 1000 - 768])
    assert under.mean() < over.mean()
