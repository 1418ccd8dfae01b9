"""``lightfuse evaluate``: tables of measures over folders of brackets."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightfuse.brackets.files import find_brackets
from lightfuse.evaluation import evaluate
from lightfuse.evaluation.baselines import average, mertens
from lightfuse.fuser import Fuser
from lightfuse.images import probe_picture, read_picture
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, ssim

WIDTH, HEIGHT = 80, 56


@pytest.fixture(autouse=True)
def no_enfuse(monkeypatch):
    """As if it were not installed: it is started dozens of times a table, and tested with the other baselines."""
    monkeypatch.setattr(evaluate, "enfuse_available", lambda: False)


@pytest.fixture(scope="module")
def pictures(pair):
    """Under, over and a stand-in for a reference, small."""
    under, over = (np.ascontiguousarray(picture[8 : 8 + HEIGHT, 90 : 90 + WIDTH]) for picture in pair)
    return under, over, ((under.astype(np.uint16) + over) // 2).astype(np.uint8)


@pytest.fixture(scope="module")
def brackets(tmp_path_factory, pictures):
    """Two brackets, one of them with a reference, and three folders that are none."""
    folder = tmp_path_factory.mktemp("data") / "brackets"
    under, over, reference = map(Image.fromarray, pictures)
    for name in ("with 2", "without 10", "broken", "single", "uneven"):
        (folder / name).mkdir(parents=True)
        under.save(folder / name / "1.png")
    for name in ("with 2", "without 10", "broken"):
        over.save(folder / name / "2.png")
    reference.save(folder / "with 2" / "reference.png")
    (folder / "broken" / "2.png").write_bytes((folder / "broken" / "2.png").read_bytes()[:200])
    over.crop((0, 0, 50, 50)).save(folder / "uneven" / "2.png")
    return folder


@pytest.fixture
def data(tmp_path, brackets):
    return Path(shutil.copytree(brackets, tmp_path / "brackets"))


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return {(row["scene"], row["method"]): row for row in csv.DictReader(file)}


def test_the_table_holds_every_method_on_every_bracket(lightfuse_program, data, tmp_path, pictures):
    ended = lightfuse_program("evaluate", "--data", data, "-o", tmp_path / "table")
    assert ended.code == 0
    rows = table(tmp_path / "table.csv")
    assert {scene for scene, _ in rows} == {"with 2", "without 10"}
    assert {"paper", "base", "small", "average", "OpenCV Mertens"} <= {method for _, method in rows}

    under, over, reference = pictures
    mean = average([under, over])
    mean = np.floor(mean * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    for method, fused, tolerance in (("average", mean, 1e-6), ("paper", Fuser("paper")(under, over), 0.02)):
        row = rows["with 2", method]
        assert float(row["PSNR"]) == pytest.approx(psnr(fused, reference), abs=tolerance)
        assert float(row["SSIM"]) == pytest.approx(ssim(fused, reference), abs=tolerance)
        assert float(row["MEF-SSIM"]) == pytest.approx(mef_ssim(fused, [under, over]), abs=tolerance)
    alone = rows["without 10", "paper"]
    assert alone["PSNR"] == alone["SSIM"] == ""
    assert float(alone["MEF-SSIM"]) == float(rows["with 2", "paper"]["MEF-SSIM"])


def test_what_is_saved_as_markdown_is_printed(lightfuse_program, data, tmp_path):
    ended = lightfuse_program("evaluate", "--data", data, "-o", tmp_path / "table")
    assert ended.out == (tmp_path / "table.md").read_text(encoding="utf-8")
    assert ended.out.splitlines()[0].startswith("| scene | method | PSNR | SSIM | ")
    assert "| **mean** | paper | " in ended.out
    assert ended.out.index("| with 2 |") < ended.out.index("| without 10 |")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["brackets", "table.csv", "table.md"]


def test_what_is_skipped_is_named_with_its_reason(lightfuse_program, data):
    ended = lightfuse_program("evaluate", "--data", data, "--quiet")
    assert (ended.code, ended.out) == (0, "")
    broken, single, uneven = ended.err.splitlines()
    assert broken.startswith(f"lightfuse: skipped broken: {data / 'broken' / '2.png'} ")
    assert single == "lightfuse: skipped single: it has 1 exposure(s); a bracket needs at least two"
    assert uneven == "lightfuse: skipped uneven: its pictures differ in size"


def test_a_picture_too_small_to_measure_skips_its_bracket_only(lightfuse_program, data, tmp_path):
    for path in (data / "without 10").iterdir():
        Image.open(path).resize((20, 20)).save(path)
    ended = lightfuse_program("evaluate", "--data", data, "-o", tmp_path / "table")
    assert ended.code == 0
    assert {scene for scene, _ in table(tmp_path / "table.csv")} == {"with 2"}
    assert "skipped without 10: MEF-SSIM needs pictures of at least 44×44" in ended.err


def test_json_is_a_record_a_method(lightfuse_program, data):
    shutil.rmtree(data / "with 2")
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(data / "without 10" / "1.png")
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(data / "without 10" / "2.png")
    ended = lightfuse_program("evaluate", "--data", data, "--json")

    def forbidden(constant):
        raise AssertionError(f"{constant} is no JSON")

    records = [json.loads(line, parse_constant=forbidden) for line in ended.out.splitlines()]
    assert [record["method"] for record in records][:4] == ["base", "paper", "small", "average"]
    assert records[3]["hue° to inputs"] is None
    assert 0 <= records[3]["MEF-SSIM"] <= 1


@pytest.mark.slow
def test_more_weights_are_more_columns(lightfuse_program, data, tmp_path, random_weights):
    """Files of one name, as every training run leaves one, are told apart by their paths; so is a shipped model's."""
    runs = []
    for name in ("a/best", "b/best", "c/other", "c/paper", "c/average"):
        runs.append(tmp_path / f"{name}.safetensors")
        runs[-1].parent.mkdir(exist_ok=True)
        shutil.copy(random_weights, runs[-1])
    more = [word for run in runs for word in ("--weights", run)]
    assert lightfuse_program("evaluate", "--data", data, "-o", tmp_path / "table", *more).code == 0
    rows = table(tmp_path / "table.csv")
    named = {str(run) for run in runs} - {str(runs[2])} | {"other", "paper", "average", "OpenCV Mertens"}
    assert named <= {method for _, method in rows}
    scores = {method: rows["with 2", method]["PSNR"] for method in ("paper", "average", "other", *map(str, runs[:2]))}
    assert scores["other"] == scores[str(runs[0])] == scores[str(runs[1])]
    assert len(set(scores.values())) == 3


@pytest.mark.slow
def test_size_resizes_first(lightfuse_program, data, tmp_path):
    ended = lightfuse_program("evaluate", "--data", data, "--size", "64x48", "-o", tmp_path / "table")
    assert ended.code == 0
    assert ("uneven", "paper") in table(tmp_path / "table.csv")
    assert "skipped uneven" not in ended.err


@pytest.mark.parametrize("size", ["64", "x", "0x5", "64x-48", "axb", "99999999x99999999"])
def test_a_size_that_is_none_is_refused(refused, data, size):
    assert refused(data, "evaluate", "--data", data, "--size", size).startswith(f"--size {size!r} is ")


@pytest.mark.parametrize("suffix", ["csv", "md"])
def test_a_table_is_not_replaced_unless_asked(refused, lightfuse_program, data, suffix):
    output = data / "table"
    (data / f"table.{suffix}").write_text("old")
    sentence = refused(data, "evaluate", "--data", data, "-o", output)
    assert sentence == f"{data / f'table.{suffix}'} already exists; give --overwrite to replace it"
    assert lightfuse_program("evaluate", "--data", data, "-o", output, "--overwrite").code == 0
    assert (data / f"table.{suffix}").read_text(encoding="utf-8") != "old"


def test_a_table_that_cannot_be_written_is_refused_before_any_work(refused, data, monkeypatch):
    assert "there is no folder" in refused(data, "evaluate", "--data", "gone", "-o", data / "nowhere" / "table")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "is closed to writing" in refused(data, "evaluate", "--data", "gone", "-o", data / "table")


def test_a_folder_without_brackets_is_refused(refused, tmp_path, data):
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in refused(tmp_path, "evaluate", "--data", tmp_path / "empty")
    assert "is not a folder" in refused(tmp_path, "evaluate", "--data", tmp_path / "gone")
    assert "is not a folder" in refused(tmp_path, "evaluate", "--data", data / "single" / "1.png")


def test_a_folder_of_broken_brackets_is_refused_with_the_reasons(refused, data):
    for name in ("with 2", "without 10"):
        shutil.rmtree(data / name)
    sentence = refused(data, "evaluate", "--data", data)
    assert sentence.startswith(f"no bracket in {str(data)!r} can be measured (broken: ")
    assert "single: it has 1 exposure(s)" in sentence


def test_bad_weights_are_named(refused, data):
    (data / "bad.safetensors").write_text("no weights")
    assert "bad.safetensors" in refused(data, "evaluate", "--data", data, "--weights", data / "bad.safetensors")


@pytest.fixture
def three(data):
    """A bracket of three exposures beside the one of two."""
    under, over = (Image.open(data / "without 10" / f"{name}.png") for name in (1, 2))
    Image.blend(under, over, 0.5).save(data / "without 10" / "3.png")
    return data


@pytest.mark.slow
def test_mertens_sees_the_whole_bracket_where_there_is_one(lightfuse_program, three, tmp_path):
    assert lightfuse_program("evaluate", "--data", three, "-o", tmp_path / "table", "--whole-bracket").code == 0
    rows = table(tmp_path / "table.csv")
    whole = "OpenCV Mertens, whole bracket"
    assert [scene for scene, method in rows if method == whole] == ["without 10"]
    under, middle, over = (read_picture(three / "without 10" / f"{name}.png").pixels for name in (1, 3, 2))
    fused = to_eight_bits(mertens([under, middle, over]))
    row = rows["without 10", whole]
    assert float(row["MEF-SSIM"]) == pytest.approx(mef_ssim(fused, [under, over]), abs=1e-6)
    assert float(row["MEF-SSIM to bracket"]) == pytest.approx(mef_ssim(fused, [under, middle, over]), abs=1e-6)
    assert rows["with 2", "average"]["MEF-SSIM to bracket"] == ""


def test_mef_ssim_to_the_bracket_is_not_measured_unasked(lightfuse_program, three, tmp_path):
    assert lightfuse_program("evaluate", "--data", three, "-o", tmp_path / "table").code == 0
    assert "MEF-SSIM to bracket" not in table(tmp_path / "table.csv")["without 10", "average"]


def test_sheets_are_written_for_looking(lightfuse_program, data, tmp_path, contents):
    ended = lightfuse_program("evaluate", "--data", data, "--sheet", tmp_path / "sheets", "--quiet")
    assert ended.code == 0
    written = [name for name, content in contents(tmp_path / "sheets").items() if content is not None]
    worst = [f"worst-{model}.jpg" for model in ("base", "paper", "small")]
    assert written == ["index.jpg", "scenes/with 2.jpg", "scenes/without 10.jpg", *worst]
    with_errors, without = (probe_picture(tmp_path / "sheets" / name).height for name in written[1:3])
    assert with_errors > without


def test_the_report_ends_with_the_worst_scenes(lightfuse_program, data):
    ended = lightfuse_program("evaluate", "--data", data, "--model", "small")
    assert "| **worst** | small | " in ended.out
    *_, heading, _, small, _, _ = ended.out.split("\n\n")[1].splitlines()[:5]
    assert heading.startswith("| method | worst scenes by mean rank | chroma above 1.4 ")
    assert small.startswith("| small | with")


@pytest.mark.slow
def test_a_folder_in_use_is_not_filled_with_sheets_unless_asked(refused, lightfuse_program, data):
    folder = data / "with 2"
    assert "is not empty; give --overwrite" in refused(data, "evaluate", "--data", data, "--sheet", folder)
    sheets = data / "sheets"
    assert lightfuse_program("evaluate", "--data", folder, "--sheet", sheets).code == 0
    (sheets / "index.jpg").write_text("old")
    assert lightfuse_program("evaluate", "--data", folder, "--sheet", sheets, "--overwrite").code == 0
    assert probe_picture(sheets / "index.jpg").width > 200


# ---- Finding brackets -----------------------------------------------------------------------------------------------


def test_hidden_files_are_no_exposures(data):
    (data / "with 2" / "._1.png").write_bytes(b"Mac OS X")
    found = {bracket.name: bracket for bracket in find_brackets(data)}["with 2"]
    assert [path.name for path in found.exposures] == ["1.png", "2.png"]
    assert found.reference == data / "with 2" / "reference.png"


def test_numbers_in_names_are_ordered_as_numbers_even_superscript_ones(data):
    for name in ("with 10", "1²"):
        shutil.copytree(data / "with 2", data / name)
    names = [bracket.name for bracket in find_brackets(data)]
    assert names.index("with 2") < names.index("with 10")
    assert "1²" in names


def test_sice_as_published_is_found(tmp_path, pictures):
    under, over, reference = map(Image.fromarray, pictures)
    for scene in ("1", "2", "10"):
        (tmp_path / scene).mkdir()
        under.save(tmp_path / scene / "1.JPG")
        over.save(tmp_path / scene / "2.JPG")
    (tmp_path / "Label").mkdir()
    for scene in ("1", "10"):
        reference.save(tmp_path / "Label" / f"{scene}.JPG")
    found = find_brackets(tmp_path)
    assert [bracket.name for bracket in found] == ["1", "2", "10"]
    assert [bracket.reference and bracket.reference.name for bracket in found] == ["1.JPG", None, "10.JPG"]
    assert all(len(bracket.exposures) == 2 for bracket in found)
