"""A short run of the fuzzer of pictures; long ones are run by hand."""

import itertools

import pytest

from tools.fuzz_pictures import mutants, seed_files, try_picture


@pytest.fixture(scope="module")
def files():
    pytest.importorskip("pyjpegxl")
    return seed_files()


def test_seed_files_are_sound_and_sequences_of_avif_and_jpeg_xl_are_refused(files):
    refused = {name for name, data in files.items() if not try_picture(data, ".png")}
    assert refused == {"sequence .avif", "animation .jxl"}


def test_mutants_are_read_or_refused_in_a_sentence(files):
    for (_, data), suffix in zip(itertools.islice(mutants(files, 1), 600), itertools.cycle([".jpg", ".jxl", ".tif"])):
        try_picture(data, suffix)


def test_mutants_are_the_same_for_the_same_seed(files):
    first, again = (list(itertools.islice(mutants(files, 3), 20)) for _ in range(2))
    assert first == again
