"""A few thousand inputs of the core's fuzzer, under AddressSanitizer and UndefinedBehaviorSanitizer."""

import shutil

import pytest

from tools.fuzz.core import build, run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("clang"), reason="needs clang and its libFuzzer")]


def test_no_input_makes_the_core_leave_its_buffers_or_change_a_result(tmp_path):
    build(tmp_path / "core")
    ended = run(tmp_path / "core", tmp_path, 3000, 1)
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert "stat::number_of_executed_units: 3000" in ended.stderr
