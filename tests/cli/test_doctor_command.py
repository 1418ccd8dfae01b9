"""``lightfuse doctor``: the text with a block to paste, the JSON record, the exit code."""

import json

import numpy as np
import pytest

from lightfuse import doctor


@pytest.fixture
def failing(monkeypatch):
    """An installation whose self-test fails."""
    test = doctor.SelfTest("base", "avx9", None, "the result is off")
    diagnosis = doctor.Diagnosis({"numpy": "9.9"}, {}, ("avx9",), {"raw": {"rawpy": None}}, (test,))
    monkeypatch.setattr(doctor, "diagnose", lambda: diagnosis)


def block_of(printed):
    return dict(line.split("  ", 1) for line in printed.split("```")[1].strip().splitlines())


def test_text_ends_with_a_block_to_paste(lightfuse_program):
    ended = lightfuse_program("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("LightFuse works: the self-test passed.\n")
    assert ended.out.endswith("```\n")
    block = block_of(ended.out)
    assert "numpy" in block["versions"]
    assert {"platform", "processor", "cores", "extras"} <= block.keys()


def test_json_record_holds_the_diagnosis(lightfuse_program):
    ended = lightfuse_program("doctor", "--json")
    assert (ended.code, ended.err) == (0, "")
    (line,) = ended.out.splitlines()
    record = json.loads(line)
    assert record["ok"] is True
    assert record["versions"]["numpy"] == np.__version__
    assert record["extras"]["train"]["torch"] is not None


def test_failed_self_test_is_reported_and_exits_with_1(lightfuse_program, failing):
    ended = lightfuse_program("doctor")
    assert ended.code == 1
    assert ended.out.startswith("LightFuse does not work: the self-test failed.\n")
    assert "base on avx9: the result is off" in ended.out
    assert "raw  pip install 'lightfuse[raw]'" in ended.out
    record = lightfuse_program("doctor", "--json")
    assert record.code == 1
    assert json.loads(record.out)["self_tests"][0]["deviation"] is None
    quiet = lightfuse_program("doctor", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (1, "", "")
