"""Preparing data sets: both layouts, order by brightness, patches, splits, and what is skipped and why."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from builders.pictures import adobe_rgb

from lightfuse.errors import DataError
from lightfuse.images import Metadata, convert_profile, write_picture
from lightfuse.training.prepare import (
    PrepareSettings,
    load_dataset,
    open_scene,
    patch_corners,
    prepare,
    split_by_scene,
)

SMALL = PrepareSettings(long_side=0, patch=32, stride=32, validation=0.0)


def picture(level, height=64, width=96, seed=0):
    random = np.random.default_rng(seed)
    return np.clip(random.normal(level, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def write_bracket(folder, levels=(200, 40, 120), reference=True, **size):
    folder.mkdir(parents=True)
    for number, level in enumerate(levels):
        write_picture(folder / f"{number}.png", picture(level, seed=number, **size))
    if reference:
        write_picture(folder / "reference.png", picture(128, seed=99, **size))


def test_exposures_are_ordered_by_mean_and_the_pair_is_the_extremes(tmp_path):
    write_bracket(tmp_path / "in" / "a", levels=(200, 40, 120))
    dataset = prepare(tmp_path / "in", tmp_path / "out", SMALL)
    (scene,) = dataset.scenes
    assert scene.exposures == ("1.png", "2.png", "0.png")
    assert scene.means[0] < scene.means[1] < scene.means[2]
    assert scene.extreme_pair == (0, 2)
    stored = open_scene(dataset, scene)
    np.testing.assert_array_equal(stored[0], picture(40, seed=1))
    np.testing.assert_array_equal(stored[-1], picture(128, seed=99))


def test_pictures_are_stored_in_srgb(tmp_path):
    for name, metadata in (("srgb", Metadata()), ("adobe", Metadata(icc=adobe_rgb()))):
        (tmp_path / "in" / name).mkdir(parents=True)
        for file, level in (("0.png", 60), ("1.png", 160), ("reference.png", 110)):
            pixels = convert_profile(picture(level, seed=level), None, metadata.icc)
            write_picture(tmp_path / "in" / name / file, pixels, metadata)
    dataset = prepare(tmp_path / "in", tmp_path / "out", SMALL)
    adobe, srgb = (open_scene(dataset, scene).astype(int) for scene in dataset.scenes)
    assert np.abs(adobe - srgb).max() <= 2


def test_sice_layout_takes_references_from_the_label_folder(tmp_path):
    for number in ("1", "2", "10"):
        write_bracket(tmp_path / "in" / number, reference=False)
    label = tmp_path / "in" / "Label"
    label.mkdir()
    for number in ("1", "10"):
        write_picture(label / f"{number}.png", picture(100 + int(number), seed=7))
    dataset = prepare(tmp_path / "in", tmp_path / "out", SMALL)
    assert [scene.name for scene in dataset.scenes] == ["1", "2", "10"]
    assert [scene.has_reference for scene in dataset.scenes] == [True, False, True]
    np.testing.assert_array_equal(open_scene(dataset, dataset.scenes[2])[-1], picture(110, seed=7))


@pytest.mark.parametrize(
    ("height", "width", "corners"),
    [
        (32, 32, [(0, 0)]),
        (32, 64, [(0, 0), (0, 32)]),
        (40, 70, [(0, 0), (0, 32), (0, 38), (8, 0), (8, 32), (8, 38)]),
        (31, 64, []),
    ],
)
def test_patch_corners_step_by_the_stride_and_end_at_the_edge(height, width, corners):
    assert patch_corners(height, width, patch=32, stride=32) == corners


def test_long_side_shrinks_but_never_enlarges(tmp_path):
    write_bracket(tmp_path / "in" / "a", height=64, width=128)
    shrunk = prepare(tmp_path / "in", tmp_path / "s", PrepareSettings(64, 32, 32, 0.0)).scenes[0]
    kept = prepare(tmp_path / "in", tmp_path / "k", PrepareSettings(500, 32, 32, 0.0)).scenes[0]
    assert (shrunk.width, shrunk.height) == (64, 32)
    assert (kept.width, kept.height) == (128, 64)


def test_split_is_by_scene_repeatable_and_of_the_given_fraction():
    names = [f"scene{i}" for i in range(50)]
    splits = split_by_scene(names, 0.2, seed=1)
    assert sum(split == "valid" for split in splits.values()) == 10
    assert splits == split_by_scene(reversed(names), 0.2, seed=1)
    assert splits != split_by_scene(names, 0.2, seed=2)


def test_unusable_brackets_are_skipped_with_the_reason(tmp_path):
    source = tmp_path / "in"
    write_bracket(source / "good")
    write_bracket(source / "one", levels=(100,), reference=False)
    write_bracket(source / "small", height=20, width=20)
    write_bracket(source / "sizes")
    write_picture(source / "sizes" / "reference.png", picture(128, height=32), overwrite=True)
    write_bracket(source / "torn")
    (source / "torn" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (source / "same").mkdir()
    for name in ("a.png", "b.png"):
        write_picture(source / "same" / name, picture(90))
    dataset = prepare(source, tmp_path / "out", SMALL)
    assert {scene.name for scene in dataset.scenes} == {"good", "torn"}
    reasons = dict(line.split(": ", 1) for line in dataset.skipped)
    assert set(reasons) == {"one", "small", "sizes", "torn/2.png", "same"}
    assert "at least two" in reasons["one"]
    assert "smaller than a patch" in reasons["small"]
    assert "different sizes: 96×32, 96×64" in reasons["sizes"]
    assert "same picture" in reasons["same"]


def test_a_prepared_data_set_is_read_back_equal(tmp_path):
    write_bracket(tmp_path / "in" / "deep" / "a")
    dataset = prepare(tmp_path / "in", tmp_path / "out", SMALL)
    (written,), (read,) = dataset.scenes, load_dataset(tmp_path / "out").scenes
    assert json.dumps(asdict(read)) == json.dumps(asdict(written))


def test_folders_that_are_not_data_sets_are_not_changed(tmp_path):
    write_bracket(tmp_path / "in" / "a")
    precious = tmp_path / "out"
    precious.mkdir()
    (precious / "thesis.txt").write_text("dear")
    with pytest.raises(DataError, match="is not a data set"):
        prepare(tmp_path / "in", precious, SMALL)
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]


def test_missing_empty_and_damaged_data_are_refused(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        prepare(tmp_path / "nowhere", tmp_path / "out", SMALL)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        prepare(tmp_path / "empty", tmp_path / "out", SMALL)
    with pytest.raises(DataError, match="make one with: lightfuse prepare"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "dataset.json").write_text(json.dumps({"format": 2, "scenes": 3}))
    with pytest.raises(DataError, match="is damaged"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (PrepareSettings(patch=4), "patch must be"),
        (PrepareSettings(stride=0), "stride at least 1"),
        (PrepareSettings(validation=1.5), "validation fraction"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, settings, sentence):
    with pytest.raises(DataError, match=sentence):
        prepare(tmp_path, tmp_path / "out", settings)
