"""``lightfuse benchmark``: a row a method, its numbers sensible, its mistakes told."""

import json

import numpy as np
import pytest

from lightfuse.benchmark import Method, Setup, available_methods, measure_all, prepared, three_by_two
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.sample import sample_pair


@pytest.mark.slow
def test_records_have_every_method_and_their_numbers_agree(lightfuse_program):
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

    def measured(chosen, setup, progress):
        made.append((chosen, setup))
        return []

    monkeypatch.setattr("lightfuse.benchmark.measure_all", measured)
    ended = lightfuse_program("benchmark", "--size", 24, "--threads", 3)
    assert ended.code == 0
    (chosen, setup) = made[0]
    assert {"base", "small", "paper"} <= {method.name for method in chosen}
    assert setup == Setup(6000, 4000, 3)
    assert "6000×4000 (24 megapixels), 3 threads" in ended.out
    assert "First call" in ended.out


def test_a_model_that_is_not_there_is_told(refused, tmp_path):
    assert "'papper' is not a shipped model" in refused(tmp_path, "benchmark", "--model", "papper")


def test_each_method_does_what_its_name_says():
    under, over = sample_pair(60, 40)
    results = {name: prepared(name, under, over, 1)() for name, bits in available_methods(["small"]) if bits == 8}
    assert np.array_equal(results["small"], Fuser("small")(under, over))
    assert np.abs(results["cv2.addWeighted"] - (under / 2 + over / 2)).max() <= 0.51
    assert under.mean() < results["cv2 Mertens"].mean() < over.mean()
    assert results["cv2 Mertens"].dtype == np.uint8


def test_a_method_that_fails_is_named():
    with pytest.raises(LightFuseError, match=r"nothing \(8 bits\) could not be measured"):
        measure_all([Method("nothing", 8)], Setup(30, 20, 1))


@pytest.mark.parametrize(("megapixels", "size"), [(24, (6000, 4000)), (0.001, (39, 26)), (1e-9, (2, 1))])
def test_sizes_are_three_by_two(megapixels, size):
    assert three_by_two(megapixels) == size
