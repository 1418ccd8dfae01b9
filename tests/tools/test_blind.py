"""Blind tests: what the folder shows and hides, judging in the page, and counting votes."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from lightfuse.errors import DataError, OutputError
from lightfuse.evaluation.evaluate import Result, Scene
from lightfuse.images import read_picture, write_picture
from tools.blind import BlindTest, Preference, count_votes, key_path, main, preference_table

LEVELS = {"base": 40, "enfuse": 120, "average": 200}
SCENES = [f"scene {number}" for number in range(8)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A test of three methods on eight scenes, each method's pictures of one grey."""
    test = BlindTest(tmp_path / "test")
    pictures = {name: Result(np.full((20, 30, 3), level, np.uint8), {}) for name, level in LEVELS.items()}
    exposure = np.zeros((20, 30, 3), np.float32)
    for name in SCENES:
        test.add(Scene(name, (exposure, exposure), None), pictures)
    test.finish()
    return tmp_path / "test"


def key(folder: Path) -> list[dict[str, str]]:
    return json.loads(key_path(folder).read_text(encoding="utf-8"))["pairs"]


def answers(folder: Path, votes: dict[str, str], name: str = "answers.json") -> Path:
    path = folder.parent / name
    path.write_text(json.dumps({"answers": votes}), encoding="utf-8")
    return path


def test_the_first_method_is_paired_with_each_other_on_every_scene(folder: Path) -> None:
    found = sorted((pair["scene"], *sorted((pair["a"], pair["b"]))) for pair in key(folder))
    expected = [(scene, *two) for scene in SCENES for two in (("average", "base"), ("base", "enfuse"))]
    assert found == sorted(expected)


def test_sides_and_order_are_random_and_the_key_tells_them(folder: Path) -> None:
    pairs = key(folder)
    assert {pair["a"] == "base" for pair in pairs} == {True, False}
    assert [pair["scene"] for pair in pairs] != sorted(pair["scene"] for pair in pairs)
    for pair in pairs:
        for side in "ab":
            picture = read_picture(folder / "pairs" / f"{pair['id']}-{side}.jpg").pixels
            assert abs(int(picture[0, 0, 0]) - LEVELS[pair[side]]) <= 2


def test_the_folder_names_neither_methods_nor_scenes(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 1 + 2 * 2 * len(SCENES)
    assert not key_path(folder).is_relative_to(folder)
    for name in (*LEVELS, *SCENES):
        assert name not in (folder / "index.html").read_text(encoding="utf-8")
        assert not any(name.encode() in path.read_bytes() or name in path.name for path in files)


def test_the_page_shows_the_pairs_in_the_order_of_the_key(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    shown = json.loads(re.search(r"const pairs = (\[.*\]);", page)[1])
    assert shown == [pair["id"] for pair in key(folder)]


def test_votes_are_counted_by_the_key(folder: Path) -> None:
    """Base is preferred to enfuse in 5 of 8 scenes and equal in one; the second judge answered one pair alone."""
    pairs = [pair for pair in key(folder) if "enfuse" in (pair["a"], pair["b"])]
    winners = ["base"] * 5 + ["enfuse"] * 2
    votes = {pair["id"]: "a" if pair["a"] == winner else "b" for pair, winner in zip(pairs, winners, strict=False)}
    votes[pairs[7]["id"]] = "equal"
    other = next(pair for pair in key(folder) if "average" in (pair["a"], pair["b"]))
    second = {other["id"]: "a" if other["a"] == "average" else "b"}
    counted = count_votes(folder, [answers(folder, votes), answers(folder, second, "second.json")])
    of_enfuse, of_average = sorted(counted, key=lambda one: -one.wins - one.losses)
    assert {of_enfuse.method: of_enfuse.wins, of_enfuse.other: of_enfuse.losses} == {"base": 5, "enfuse": 2}
    assert of_enfuse.ties == 1
    assert {of_average.method: of_average.wins, of_average.other: of_average.losses} == {"base": 0, "average": 1}


def test_the_rate_has_wilsons_interval() -> None:
    """Newcombe, Statistics in Medicine 1998, table I: 81 of 263."""
    preference = Preference("base", "enfuse", 81, 182, 0)
    assert preference.rate == pytest.approx(81 / 263)
    assert preference.interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Preference("base", "enfuse", 3, 1, 4).rate == pytest.approx(0.625)
    assert preference_table([preference]).splitlines()[-1] == "| base | enfuse | 81 | 182 | 0 | 31% (26% to 37%) |"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no JSON", "is not a file of answers"),
        ('{"votes": {}}', "is not a file of answers"),
        ('{"answers": {"0123": "a"}}', "answers to another blind test"),
        ('{"answers": {"0123": "left"}}', "answers other than a, b, equal"),
    ],
)
def test_files_that_are_no_answers_are_refused(folder: Path, text: str, sentence: str) -> None:
    path = folder.parent / "answers.json"
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        count_votes(folder, [path])


def test_a_missing_or_damaged_key_is_refused(folder: Path) -> None:
    key_path(folder).write_text("{}")
    with pytest.raises(DataError, match="is not the key of a blind test"):
        count_votes(folder, [answers(folder, {})])
    key_path(folder).unlink()
    with pytest.raises(DataError, match="cannot read the key"):
        count_votes(folder, [answers(folder, {})])


def test_a_key_is_not_replaced_unless_asked(folder: Path) -> None:
    with pytest.raises(OutputError, match="already exists"):
        BlindTest(folder)
    BlindTest(folder, overwrite=True)


@pytest.mark.slow
def test_a_test_is_made_and_its_answers_counted(tmp_path: Path, pair, monkeypatch, capsys) -> None:
    """One vote, for the picture of small."""
    monkeypatch.setattr("lightfuse.evaluation.evaluate.enfuse_available", lambda: False)
    (tmp_path / "brackets" / "room").mkdir(parents=True)
    for number, picture in enumerate(pair):
        write_picture(tmp_path / "brackets" / "room" / f"{number}.png", np.ascontiguousarray(picture[:56, :80]))
    test = tmp_path / "test"
    monkeypatch.setattr("sys.argv", ["blind", "make", str(tmp_path / "brackets"), str(test), "--model", "small"])
    main()
    first = key(test)[0]
    vote = "a" if first["a"] == "small" else "b"
    monkeypatch.setattr("sys.argv", ["blind", "count", str(test), str(answers(test, {first["id"]: vote}))])
    capsys.readouterr()
    main()
    row = capsys.readouterr().out.splitlines()[-1]
    assert "small" in row
    assert "| 1 | 0 | 0 |" in row or "| 0 | 1 | 0 |" in row


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
@pytest.mark.slow
def test_pairs_are_judged_by_keyboard_and_the_answers_downloaded(folder: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((folder / "index.html").as_uri())
        page.bring_to_front()
        for pressed in ("a", "ArrowRight", "=", "b", "Backspace", "ArrowLeft"):
            page.keyboard.press(pressed)
        page.locator("#count", has_text="pair 5 of 16, 4 answered").wait_for()
        page.reload()
        page.locator("#count", has_text="pair 5 of 16, 4 answered").wait_for()
        with page.expect_download() as download:
            page.locator("#download").click()
        download.value.save_as(folder.parent / "answers.json")
        browser.close()
    given = json.loads((folder.parent / "answers.json").read_text())["answers"]
    expected = dict(zip([pair["id"] for pair in key(folder)], ["a", "b", "equal", "a"], strict=False))
    assert given == expected
    assert sum(one.wins + one.losses + one.ties for one in count_votes(folder, [folder.parent / "answers.json"])) == 4
