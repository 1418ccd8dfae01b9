"""Soft references with the tone of a teacher."""

import numpy as np
import pytest

from lightfuse.colorspace import luma
from lightfuse.fuser import Fuser
from lightfuse.images import write_picture
from lightfuse.metrics.pictures import as_unit
from lightfuse.training.prepare import PrepareSettings, load_dataset, open_scene, prepare
from tools.tone_teacher import main, taught_tone


def flat(*rgb):
    return np.full((64, 96, 3), rgb, np.uint8)


def test_teacher_decides_tone_by_day_and_not_at_night():
    reference, teacher = flat(120, 110, 100), Fuser("small")
    assert np.array_equal(taught_tone(reference, (flat(0, 0, 0), flat(40, 40, 40)), teacher), reference)
    pair = flat(90, 90, 90), flat(200, 200, 200)
    wanted, found = (
        luma(as_unit(picture)).mean() for picture in (teacher(*pair), taught_tone(reference, pair, teacher))
    )
    assert found == pytest.approx(wanted, abs=2 / 255)


def test_references_of_a_data_set_are_written_again(tmp_path, monkeypatch, pair, random_weights):
    (tmp_path / "in" / "room").mkdir(parents=True)
    for number, picture in enumerate(pair):
        write_picture(tmp_path / "in" / "room" / f"{number}.png", picture)
    prepare(tmp_path / "in", tmp_path / "out", PrepareSettings(0, 32, 32, 0.0))
    monkeypatch.setattr("sys.argv", ["tone_teacher", str(tmp_path / "out"), str(random_weights)])
    dataset = load_dataset(tmp_path / "out")
    stored = []
    for call in (lambda: None, main, main):
        call()
        stored.append(np.array(open_scene(dataset, dataset.scenes[0])))
    assert np.array_equal(stored[1], stored[2])
    assert np.array_equal(stored[0][:-1], stored[1][:-1])
    assert not np.array_equal(stored[0][-1], stored[1][-1])
