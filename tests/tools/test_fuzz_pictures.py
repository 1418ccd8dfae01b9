"""A short run of the fuzzer of pictures; long ones are run by hand."""

import os
import signal
import time

import pytest

from lightfuse.errors import LightFuseError
from tools import fuzz_pictures
from tools.fuzz_pictures import Run, mutant, seed_files, try_picture

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")]


@pytest.fixture(scope="module")
def files():
    for needed in ("pyjpegxl", "rawpy", "pi_heif", "pillow_heif"):
        pytest.importorskip(needed)
    return seed_files()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run over small files, so that nearly every mutant is another."""
    monkeypatch.setattr(Run, "_seeds", staticmethod(lambda: {name: bytes(range(64)) for name in "abc"}))
    return Run(tmp_path, 5)


def test_seed_files_are_sound_but_for_kinds_that_are_refused(files):
    refused = {name for name, data in files.items() if not try_picture(data, ".png")}
    assert refused == {"sequence .avif", "animation .jxl", "cmyk .jpg", "cmyk .tif"}


def test_mutants_are_read_or_refused_in_a_sentence(files):
    for number in range(600):
        try_picture(mutant(files, 1, number)[1], (".jpg", ".png", ".tif", ".webp")[number % 4])


def test_mutants_are_the_same_for_the_same_seed_and_number(files):
    first, again = ([mutant(files, 3, number) for number in range(20)] for _ in range(2))
    assert first == again
    assert len(set(first)) == 20


def test_a_run_goes_on_after_a_mutant_that_ends_the_process_and_keeps_it(run, tmp_path, monkeypatch):
    def die(data, suffix):
        if data == mutant(run._files, 5, 7)[1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    monkeypatch.setattr(fuzz_pictures, "try_picture", die)
    figures = run.until(20)
    assert (figures.tried, figures.faults) == (20, ["fault-5-7"])
    assert figures.whole == 19
    assert (tmp_path / "fault-5-7").read_bytes() == mutant(run._files, 5, 7)[1]
    assert "ended with -9" in (tmp_path / "fault-5-7.txt").read_text()


def test_hangs_foreign_exceptions_and_messages_are_faults(run, tmp_path, monkeypatch):
    def misbehave(data, suffix):
        if data == mutant(run._files, 5, 1)[1]:
            raise IndexError("list index out of range")
        if data == mutant(run._files, 5, 2)[1]:
            os.write(2, b"libpng warning: x\n")
        if data == mutant(run._files, 5, 3)[1]:
            time.sleep(60)
        if data == mutant(run._files, 5, 4)[1]:
            raise LightFuseError("a\x1bb")
        return True

    monkeypatch.setattr(fuzz_pictures, "try_picture", misbehave)
    monkeypatch.setattr(fuzz_pictures, "_HANGS", 1.0)
    figures = run.until(6)
    assert figures.faults == [f"fault-5-{number}" for number in (1, 2, 3, 4)]
    kept = [(tmp_path / f"fault-5-{number}.txt").read_text() for number in (1, 2, 3)]
    assert ["IndexError" in kept[0], "libpng warning" in kept[1], "no end after 1 s" in kept[2]] == [True] * 3


def test_a_run_that_was_stopped_is_continued(run, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz_pictures, "try_picture", lambda data, suffix: True)
    run.until(4)
    again = Run(tmp_path, 5)
    assert again.until(9).whole == 9
