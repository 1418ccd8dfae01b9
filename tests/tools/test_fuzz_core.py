"""Some thousand inputs of the core's fuzzers, under AddressSanitizer and UndefinedBehaviorSanitizer."""

import shutil

import pytest

from tools.fuzz.core import build, run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("clang"), reason="needs clang and its libFuzzer")]


@pytest.mark.parametrize(("target", "runs"), [("core", 3000), ("ghosts", 600)])
def test_no_input_makes_the_core_leave_its_buffers_or_change_a_result(tmp_path, target, runs):
    build(tmp_path / target, target=target)
    ended = run(tmp_path / target, tmp_path, runs, 1)
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert f"stat::number_of_executed_units: {runs}" in ended.stderr
