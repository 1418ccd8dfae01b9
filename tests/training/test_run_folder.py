from pathlib import Path

import numpy as np
import pytest

from lightfuse.errors import OutputError
from lightfuse.images import read_picture
from lightfuse.training import run_folder
from lightfuse.training.run_folder import draw_curves, read_curves

HEADING = "step,loss,learning_rate,validation_psnr,validation_ssim\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_with_numbers_are_read(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", HEADING + "20,0.5,1e-3,,\n40,0.25,9e-4,21.5,\n")
    assert read_curves(log) == {
        "loss": [(20, 0.5), (40, 0.25)],
        "learning_rate": [(20, 1e-3), (40, 9e-4)],
        "validation_psnr": [(40, 21.5)],
    }


def test_cells_that_are_not_numbers_are_left_out(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", "step,a,b\n1,nan,1\n2,inf,2\nx,3,3\n4,word,4\n5\n6,7,8,9\n7,1.5")
    assert read_curves(log) == {"a": [(6, 7), (7, 1.5)], "b": [(1, 1), (2, 2), (4, 4), (6, 8)]}


@pytest.mark.parametrize("text", [None, "", HEADING, "loss\n0.5\n", "step\n1\n"])
def test_an_empty_log_is_drawn(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        write(tmp_path / "log.csv", text)
    assert read_curves(tmp_path / "log.csv") == {}
    draw_curves(tmp_path / "log.csv", tmp_path / "curves.png")
    assert (read_picture(tmp_path / "curves.png").pixels < 128).any()


@pytest.mark.slow
def test_every_column_has_a_panel(tmp_path: Path) -> None:
    sizes = []
    for columns in (1, 2, 4):
        names = ["step", *(f"losses/{i}" for i in range(columns))]
        rows = "".join(",".join([str(step), *["0.5"] * columns]) + "\n" for step in (1, 2))
        draw_curves(write(tmp_path / "log.csv", ",".join(names) + "\n" + rows), tmp_path / "curves.png")
        sizes.append(read_picture(tmp_path / "curves.png").pixels.shape)
    assert sizes[1][:2] == (sizes[0][0], 2 * sizes[0][1])
    assert sizes[2][:2] == (2 * sizes[0][0], 2 * sizes[0][1])


def drawn(folder: Path, name: str, values: list[float]) -> np.ndarray:
    rows = "".join(f"{step},{value}\n" for step, value in enumerate(values, start=1))
    draw_curves(write(folder / "log.csv", f"step,{name}\n{rows}"), folder / "curves.png")
    return read_picture(folder / "curves.png").pixels


def column_of(picture: np.ndarray, colour: str) -> float:
    """Where along the width a colour is, 0 to 1; NaN where it is nowhere."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    there = np.nonzero((picture == wanted).all(axis=2))[1]
    return float(there.mean()) / picture.shape[1] if there.size else float("nan")


def test_the_best_validation_is_marked(tmp_path: Path) -> None:
    values = [1.0, 9.0, 5.0, 5.0, 5.0, 5.0, 5.0, 0.0, 5.0]
    highest = column_of(drawn(tmp_path, "validation_psnr", values), run_folder._BEST)
    lowest = column_of(drawn(tmp_path, "validation_loss", values), run_folder._BEST)
    assert highest < 0.4
    assert lowest > 0.7
    assert np.isnan(column_of(drawn(tmp_path, "loss", values), run_folder._BEST))


def test_running_mean_keeps_lines_and_reduces_noise() -> None:
    line = np.arange(500.0)
    np.testing.assert_allclose(run_folder._running_mean(list(line))[20:-20], line[20:-20])
    noise = np.random.default_rng(1).normal(size=500)
    calmed = run_folder._running_mean(list(noise))
    assert calmed.std() < 0.5 * noise.std()
    assert len(calmed) == 500


@pytest.mark.slow
def test_a_long_loss_is_drawn_with_its_running_mean(tmp_path: Path) -> None:
    values = list(np.random.default_rng(1).random(200))
    assert not np.isnan(column_of(drawn(tmp_path, "loss", values), run_folder._LINE))
    assert not np.isnan(column_of(drawn(tmp_path, "loss", values), run_folder._RAW))
    assert np.isnan(column_of(drawn(tmp_path, "loss", values[:20]), run_folder._RAW))


def test_curves_are_written_atomically(tmp_path: Path) -> None:
    (tmp_path / "curves.png").write_text("old")
    draw_curves(write(tmp_path / "log.csv", HEADING + "1,2,3,4,5\n"), tmp_path / "curves.png")
    assert read_picture(tmp_path / "curves.png").pixels.ndim == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "log.csv"]


def test_curves_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        draw_curves(tmp_path / "log.csv", tmp_path / "nowhere" / "curves.png")
