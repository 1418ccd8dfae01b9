"""``lightfuse inspect``: pictures of filters, and of what they make of a pair."""

import sys

from PIL import Image

from lightfuse.images import probe_picture

FILTERS = ["combining.png", "filtering.png"]


def test_filters_of_a_shipped_model_are_drawn(lightfuse_program, tmp_path):
    ended = lightfuse_program("inspect", "paper", "-o", tmp_path / "new" / "filters")
    assert ended.code == 0
    written = sorted((tmp_path / "new" / "filters").iterdir())
    assert [path.name for path in written] == FILTERS
    assert ended.out.splitlines() == [str(path) for path in written]
    for path in written:
        assert min(probe_picture(path).width, probe_picture(path).height) > 300


def test_a_pair_is_drawn_too(lightfuse_program, folder, random_weights):
    pair = folder / "over.png", folder / "under.jpg"
    ended = lightfuse_program("inspect", random_weights, *pair, "-o", folder / "out", "--quiet")
    assert (ended.code, ended.out) == (0, "")
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted([*FILTERS, "contributions.png"])


def test_what_cannot_be_inspected_is_refused(refused, folder):
    under, output = folder / "under.jpg", folder / "out"
    assert "a pair is two pictures" in refused(folder, "inspect", "paper", under, "-o", output)
    assert "'papper' is neither a model" in refused(folder, "inspect", "papper", "-o", output)
    assert "does not exist" in refused(folder, "inspect", "paper", under, folder / "gone.jpg", "-o", output)
    Image.open(under).crop((0, 0, 50, 50)).save(folder / "small.png")
    assert "resize one" in refused(folder, "inspect", "paper", under, folder / "small.png", "-o", output)


def test_a_folder_in_use_is_left_alone_unless_asked(refused, lightfuse_program, tmp_path):
    (tmp_path / "combining.png").write_text("old")
    assert "is not empty; give --overwrite" in refused(tmp_path, "inspect", "paper", "-o", tmp_path)
    assert "is not a folder" in refused(tmp_path, "inspect", "paper", "-o", tmp_path / "combining.png", "--overwrite")
    assert lightfuse_program("inspect", "paper", "-o", tmp_path, "--overwrite").code == 0
    assert (tmp_path / "combining.png").read_bytes().startswith(b"\x89PNG")


def test_without_the_extra_it_says_how_to_get_it(refused, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith(("lightfuse.evaluation.", "lightfuse.models"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    sentence = refused(tmp_path, "inspect", "paper", "-o", tmp_path / "out")
    assert sentence == "inspecting needs an extra: pip install 'lightfuse[train]'"
