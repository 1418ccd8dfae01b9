"""``lightfuse export``: files where they were asked for, and one sentence where they cannot be."""

import sys

import pytest


def test_c_files_go_where_they_are_asked_for(lightfuse_program, tmp_path):
    folder = tmp_path / "new" / "c"
    ended = lightfuse_program("export", "small", "--format", "c", "-o", folder)
    assert (ended.code, ended.err) == (0, "")
    names = {"lightfuse.h", "lightfuse_rows.h", "lightfuse_small_weights.h", "main.c", "Makefile", "README.md"}
    assert {path.name for path in folder.iterdir()} == names
    assert set(ended.out.splitlines()) == {str(folder / name) for name in names}


def test_weights_of_ones_own_are_exported(lightfuse_program, random_weights, tmp_path):
    ended = lightfuse_program("export", "--weights", random_weights, "--format", "c", "-o", tmp_path, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert "lf_paper lightfuse_paper" in (tmp_path / "lightfuse_paper_weights.h").read_text()


def test_a_folder_with_files_is_kept(refused, lightfuse_program, tmp_path):
    (tmp_path / "main.c").write_text("dear to someone")
    assert "is not empty; give --overwrite" in refused(tmp_path, "export", "small", "--format", "c", "-o", tmp_path)
    assert lightfuse_program("export", "small", "--format", "c", "-o", tmp_path, "--overwrite").code == 0
    assert "lf_fuse_rows" in (tmp_path / "main.c").read_text()


def test_a_model_nobody_knows_is_refused(refused, tmp_path):
    sentence = refused(tmp_path, "export", "huge", "--format", "c", "-o", tmp_path / "c")
    assert sentence == "'huge' is neither a model (base, paper, small) nor a weights file; check the spelling"


def test_a_name_and_a_file_are_one_too_many(refused, random_weights, tmp_path):
    sentence = refused(tmp_path, "export", "small", "--weights", random_weights, "--format", "c", "-o", tmp_path / "c")
    assert sentence == "give --model or --weights, not both"


def test_an_unknown_format_is_refused(lightfuse_program, tmp_path):
    ended = lightfuse_program("export", "small", "--format", "coreml", "-o", tmp_path / "c")
    assert ended.code == 2
    assert "'coreml' is not one of" in ended.err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("to", "module", "extra"),
    [
        ("onnx", "onnx", "export"),
        ("litert", "litert_torch", "litert"),
        ("ncnn", "pnnx", "ncnn"),
    ],
)
def test_a_missing_extra_is_named(refused, monkeypatch, tmp_path, to, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    sentence = refused(tmp_path, "export", "small", "--format", to, "-o", tmp_path / "out")
    assert sentence.endswith(f"needs an extra: pip install 'lightfuse[{extra}]'")


@pytest.mark.slow
def test_onnx_is_written_without_advice_to_its_maker(lightfuse_program, tmp_path, caplog):
    pytest.importorskip("onnx")
    ended = lightfuse_program("export", "small", "--format", "onnx", "-o", tmp_path, "--quiet")
    assert (ended.code, ended.out, ended.err, caplog.messages) == (0, "", "", [])


@pytest.mark.parametrize("size", ["640", "0x480", "640x", "axb", "99999x99999"])
def test_a_size_that_is_none_is_refused(refused, tmp_path, size):
    sentence = refused(tmp_path, "export", "small", "--format", "litert", "--size", size, "-o", tmp_path / "out")
    assert "--size" in sentence
