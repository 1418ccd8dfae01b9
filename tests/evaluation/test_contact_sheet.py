from pathlib import Path

import cv2
import numpy as np
import pytest

from lightfuse.errors import OutputError
from lightfuse.evaluation import contact_sheet
from lightfuse.evaluation.contact_sheet import ContactSheets, error_map, figure, index_row, sheet
from lightfuse.evaluation.evaluate import Result, Scene
from lightfuse.images import read_picture
from lightfuse.sheets import Cell, drawable, row_of, shrink


def noise(seed: int, height: int = 60, width: int = 90) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def make_scene(name: str = "attic", *, reference: bool = True, height: int = 60, width: int = 90) -> Scene:
    pictures = [noise(seed, height, width).astype(np.float32) / 255 for seed in (1, 2, 3)]
    return Scene(name, (pictures[0], pictures[1]), pictures[2] if reference else None)


def results(*methods: str, height: int = 60, width: int = 90) -> dict[str, Result]:
    scores = {"PSNR": 20.0, "SSIM": 0.8, "MEF-SSIM": 0.9}
    return {name: Result(noise(10 + i, height, width), scores) for i, name in enumerate(methods)}


def holds(whole: np.ndarray, part: np.ndarray) -> bool:
    """Whether the part is somewhere in the whole, pixel for pixel."""
    distance = cv2.matchTemplate(whole.astype(np.float32), part.astype(np.float32), cv2.TM_SQDIFF)
    y, x = np.unravel_index(distance.argmin(), distance.shape)
    return bool((whole[y : y + part.shape[0], x : x + part.shape[1]] == part).all())


def test_a_sheet_shows_inputs_reference_results_and_error_maps() -> None:
    drawn = sheet(make_scene(), results("ours", "theirs"))
    for picture in (noise(1), noise(2), noise(3), noise(10), noise(11)):
        assert holds(drawn, picture)
    assert holds(drawn, error_map(noise(10), noise(3)))
    assert holds(drawn, error_map(noise(11), noise(3)))
    assert not holds(drawn, noise(99))


def test_without_a_reference_there_is_neither_it_nor_an_error_map() -> None:
    drawn = sheet(make_scene(reference=False), results("ours"))
    assert holds(drawn, noise(10))
    assert not holds(drawn, noise(3))
    assert drawn.shape[0] < sheet(make_scene(), results("ours")).shape[0]


@pytest.mark.slow
def test_large_pictures_are_shrunk_before_their_error_is_computed() -> None:
    size = {"height": 500, "width": 1000}
    drawn = sheet(make_scene(**size), results("ours", **size))
    ours, reference = (shrink(noise(seed, **size), 480, 480) for seed in (10, 3))
    assert ours.shape == (240, 480, 3)
    assert holds(drawn, ours)
    assert holds(drawn, error_map(ours, reference))
    assert drawn.shape[1] < 3 * 520


@pytest.mark.parametrize("shape", [(1, 1), (4, 2000), (2000, 4)])
def test_sheets_are_drawn_for_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    size = {"height": shape[0], "width": shape[1]}
    assert sheet(make_scene(**size), results("ours", **size)).ndim == 3


def test_scores_are_drawn() -> None:
    words = {"PSNR": 20.0}, {"PSNR": 21.0}
    first, second = (row_of([Cell(noise(1), "ours", (figure("PSNR", w["PSNR"]),))], 200) for w in words)
    assert first.shape == second.shape
    assert (first[:60] == second[:60]).all()
    assert (first != second).any()


def test_captions_wrap_inside_their_column() -> None:
    words = tuple(f"measure-{i} 0.5" for i in range(12))
    narrow, wide = (row_of([Cell(noise(1), "a title of many words, all of them short", words)], w) for w in (150, 600))
    assert narrow.shape[1] == 150
    assert narrow.shape[0] > wide.shape[0] > 60


@pytest.mark.parametrize(
    ("measure", "score", "text"),
    [
        ("PSNR", 23.456, "PSNR 23.46"),
        ("SSIM", 0.86649, "SSIM 0.866"),
        ("MEF-SSIM to bracket", 0.5, "MEF-SSIM to bracket 0.500"),
        ("PSNR", float("inf"), "PSNR inf"),
        ("hue°", float("nan"), "hue° –"),
    ],
)
def test_scores_are_written_briefly(measure: str, score: float, text: str) -> None:
    assert figure(measure, score) == text


def test_an_error_map_is_black_where_equal_and_brighter_with_the_error() -> None:
    reference = np.full((1, 4, 3), 128, np.uint8)
    result = reference + np.array([0, 8, 40, 120], np.uint8)[None, :, None]
    brightness = error_map(result, reference).astype(int).sum(axis=2)[0]
    assert brightness[0] < 10
    assert (np.diff(brightness) > 50).all()
    beyond = error_map(np.full_like(reference, 255), np.zeros_like(reference))
    assert (beyond == error_map(result, reference)[0, 3]).all()


def test_files_are_named_after_scenes_and_the_index_has_all(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "sheets"
    sheets = ContactSheets(folder)
    for name in ("attic", "house/cellar"):
        sheets.add(make_scene(name), results("ours"))
    sheets.finish()
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert written == ["index.jpg", "scenes/attic.jpg", "scenes/house/cellar.jpg"]
    index = read_picture(folder / "index.jpg").pixels
    one = index_row(make_scene("attic"), results("ours"))
    assert index.shape == (2 * one.shape[0], one.shape[1], 3)
    shown = read_picture(folder / "scenes" / "attic.jpg").pixels
    drawn = sheet(make_scene("attic"), results("ours"))
    assert shown.shape == drawn.shape
    assert np.abs(shown.astype(int) - drawn).mean() < 3


def test_an_index_of_many_scenes_has_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "_SCENES_A_PAGE", 2)
    sheets = ContactSheets(tmp_path)
    for number in range(5):
        sheets.add(make_scene(str(number)), results("ours"))
    sheets.finish()
    assert sorted(path.name for path in tmp_path.glob("index*")) == ["index-2.jpg", "index-3.jpg", "index.jpg"]


def test_the_worst_scenes_have_a_sheet_for_each_method(tmp_path: Path) -> None:
    sheets = ContactSheets(tmp_path)
    for name in ("attic", "cellar", "stairs"):
        sheets.add(make_scene(name), results("ours"))
    sheets.finish({"ours": ["stairs", "attic"], "run/1, whole": ["cellar"]})
    assert sorted(path.name for path in tmp_path.glob("worst*")) == ["worst-ours.jpg", "worst-run-1-whole.jpg"]
    rows = [index_row(make_scene(name), results("ours")) for name in ("stairs", "attic")]
    shown = read_picture(tmp_path / "worst-ours.jpg").pixels
    assert shown.shape[0] == sum(row.shape[0] for row in rows)
    assert np.abs(shown.astype(int) - np.vstack(rows)).mean() < 3


def test_sheets_are_not_replaced_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "attic.jpg").write_text("old")
    with pytest.raises(OutputError, match="already exists"):
        ContactSheets(tmp_path).add(make_scene(), results("ours"))
    assert (tmp_path / "scenes" / "attic.jpg").read_text() == "old"
    ContactSheets(tmp_path, overwrite=True).add(make_scene(), results("ours"))
    assert read_picture(tmp_path / "scenes" / "attic.jpg").pixels.shape[1] > 90


def test_letters_that_older_opencv_cannot_draw_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "__version__", "4.10.0")
    assert drawable("ΔE 4, hue° 7, Zürich") == "dE 4, hue deg 7, Z?rich"
    monkeypatch.setattr(cv2, "__version__", "5.0.0")
    assert drawable("ΔE 4, hue° 7, Zürich") == "ΔE 4, hue° 7, Zürich"
