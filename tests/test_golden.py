"""The golden set: complete, of the weights that are shipped, reproduced by torch and the core, and able to fail."""

import dataclasses

import numpy as np
import pytest

from lightfuse import core
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.golden import GOLDEN_FILE, TOLERANCES, check, compare, digest, load_golden
from lightfuse.models import load_weights, shipped_models
from lightfuse.models.networks import from_weights
from tools import make_golden

MAKE_AGAIN = "weights or samples have changed: run python -m tools.make_golden"


@pytest.fixture(scope="module")
def golden():
    return load_golden()


def case_named(golden, name):
    return next(case for case in golden.cases if case.name == name)


def test_set_covers_every_shipped_model(golden):
    assert {name: digest(load_weights(name)) for name in shipped_models()} == golden.weights, MAKE_AGAIN


def test_set_has_edge_case_sizes(golden):
    shapes = {case.name: (case.under.shape, case.under.dtype.name) for case in golden.cases}
    assert shapes["pixel"] == ((1, 1, 3), "uint8")
    assert shapes["sixteen"][1] == "uint16"
    assert all(side % 2 for side in shapes["odd"][0])
    assert shapes["tall"][0][0] > 10 * shapes["tall"][0][1]
    assert np.prod(shapes["large"][0][:2]) > 192 * 128
    for case in golden.cases:
        assert case.over.shape == case.under.shape
        assert case.under.mean() < case.over.mean()
        for expected in case.expected.values():
            assert expected.shape == case.under[:: case.step, :: case.step].shape
            assert expected.dtype == np.float32


@pytest.mark.parametrize("model", shipped_models())
def test_torch_reproduces_the_golden_results(golden, model):
    module = from_weights(load_weights(model))
    compared = check("torch", model, lambda under, over: make_golden.fused_by_torch(module, under, over), golden)
    assert all(one.passed for one in compared), MAKE_AGAIN


@pytest.mark.parametrize("isa", core.instruction_sets())
@pytest.mark.parametrize("model", shipped_models())
def test_core_reproduces_the_golden_results(golden, model, isa):
    compared = check("core", model, Fuser(model, threads=2, isa=isa), golden)
    assert [one for one in compared if not one.passed] == []
    assert {one.dtype for one in compared} == {"uint8", "uint16", "float32"}


def test_eight_bits_have_exact_results_within_a_level_of_the_expected_ones(golden):
    for case in golden.cases:
        wanted = set(shipped_models()) if case.under.dtype == np.uint8 else set()
        assert set(case.exact) == wanted, MAKE_AGAIN
        for model, exact in case.exact.items():
            assert np.abs(exact - np.round(case.expected[model] * 255.0)).max() <= 1, case.name


def test_one_level_is_too_much_where_bits_have_to_be_equal(golden):
    case = dataclasses.replace(case_named(golden, "small"), step=1)
    fused = case.exact["base"].copy()
    assert compare(case, "base", fused, TOLERANCES["core"]).passed
    fused[11, 5, 2] ^= 1
    assert not compare(case, "base", fused, TOLERANCES["core"]).passed
    assert compare(case, "base", fused, {**TOLERANCES["onnx"], "uint8": 2}).passed


def test_another_model_fails_the_check(golden):
    first, second = shipped_models()[:2]
    assert not any(one.passed for one in check("core", second, Fuser(first), golden) if one.case != "pixel")


@pytest.mark.parametrize(("dtype", "too_much"), [("uint8", 2), ("uint16", 8), ("float32", 1.2e-4)])
def test_one_value_out_of_tolerance_fails(golden, dtype, too_much):
    case = case_named(golden, "odd")
    expected = np.clip(case.expected["base"], 0.1, 0.9)
    case = dataclasses.replace(case, expected={"base": expected}, exact={})
    top = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    fused = (expected if dtype == "float32" else np.round(expected.astype(np.float64) * top)).astype(dtype)
    assert compare(case, "base", fused, TOLERANCES["core"]).worst == 0
    fused[11, 5, 2] += fused.dtype.type(too_much)
    found = compare(case, "base", fused, TOLERANCES["core"])
    assert not found.passed
    assert found.worst == pytest.approx(too_much, rel=1e-2)


def test_wrong_shape_and_nan_fail(golden):
    case = case_named(golden, "small")
    good = case.expected["small"].copy()
    assert compare(case, "small", good, TOLERANCES["core"]).passed
    assert not compare(case, "small", good[:-1], TOLERANCES["core"]).passed
    good[3, 4, 1] = np.nan
    assert not compare(case, "small", good, TOLERANCES["core"]).passed


@pytest.mark.slow
def test_making_the_set_again_gives_the_same(golden, monkeypatch):
    specs = [spec for spec in make_golden._CASES if spec.name in ("odd", "sixteen")]  # To be quick.
    monkeypatch.setattr(make_golden, "_CASES", specs)
    again = make_golden.make_golden()
    assert again.weights == golden.weights, MAKE_AGAIN
    assert [case.name for case in again.cases] == ["odd", "sixteen"]
    for case in again.cases:
        shipped = case_named(golden, case.name)
        # Another processor's last digit may move a noisy pixel by a level.
        assert np.abs(case.under.astype(int) - shipped.under).max() <= (1 if case.under.dtype == np.uint8 else 64)
        for model, expected in case.expected.items():
            assert np.abs(expected - shipped.expected[model]).max() < 0.02, MAKE_AGAIN


def test_command_writes_what_is_loaded(golden, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_golden, "make_golden", lambda: golden)
    make_golden.main(tmp_path / "g.npz")
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'g.npz'}: 6 cases of ")
    assert [path.name for path in tmp_path.iterdir()] == ["g.npz"]
    again = load_golden(tmp_path / "g.npz")
    assert [case.name for case in again.cases] == [case.name for case in golden.cases]
    assert again.weights == golden.weights
    for case, before in zip(again.cases, golden.cases, strict=True):
        assert np.array_equal(case.over, before.over)
        assert all(np.array_equal(case.expected[model], before.expected[model]) for model in golden.weights)


def test_golden_file_ships_in_the_package():
    assert make_golden.main.__defaults__ == (GOLDEN_FILE,)
    assert GOLDEN_FILE.name == "golden.npz"
    assert GOLDEN_FILE.parent.name == "lightfuse"


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not really"])
def test_missing_or_damaged_set_is_reported(tmp_path, content):
    if content is not None:
        (tmp_path / "g.npz").write_bytes(content)
    with pytest.raises(LightFuseError, match="golden pictures cannot be read"):
        load_golden(tmp_path / "g.npz")
