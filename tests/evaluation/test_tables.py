import csv
import io
import math

import pytest

from lightfuse.evaluation.tables import ScoreTable

BADNESS = {"PSNR": lambda score: -score, "SSIM": lambda score: -score}


@pytest.fixture
def table() -> ScoreTable:
    table = ScoreTable(BADNESS)
    for scene, ours, theirs in (("dawn", 20.0, 18.0), ("noon", 22.0, 18.5), ("dusk", 27.0, 17.5)):
        table.add(scene, "ours", {"PSNR": ours, "SSIM": 0.9})
        table.add(scene, "theirs", {"PSNR": theirs})
    return table


@pytest.mark.slow
def test_means_have_students_confidence_interval(table: ScoreTable) -> None:
    from scipy import stats

    mean = table.mean("ours", "PSNR")
    low, high = stats.t.interval(0.95, 2, loc=23, scale=stats.sem([20, 22, 27]))
    assert mean.value == pytest.approx(23)
    assert (mean.value - mean.half_width, mean.value + mean.half_width) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize("scenes", [2, 5, 11, 12, 13, 31, 101])
@pytest.mark.slow
def test_the_interval_is_students_for_any_number_of_scenes(scenes: int) -> None:
    from scipy import stats

    table = ScoreTable(BADNESS)
    values = [float(number % 7) for number in range(scenes)]
    for number, value in enumerate(values):
        table.add(str(number), "ours", {"PSNR": value})
    expected = stats.t.ppf(0.975, scenes - 1) * stats.sem(values)
    assert table.mean("ours", "PSNR").half_width == pytest.approx(expected, rel=1e-4)


def test_missing_and_undefined_scores_are_left_out_of_the_mean(table: ScoreTable) -> None:
    table.add("night", "ours", {"PSNR": math.nan})
    assert table.mean("ours", "PSNR").value == pytest.approx(23)
    assert math.isnan(table.mean("theirs", "SSIM").value)


def test_one_scene_or_an_infinite_score_has_no_interval() -> None:
    table = ScoreTable(BADNESS)
    table.add("dawn", "ours", {"PSNR": 20.0})
    assert str(table.mean("ours", "PSNR")) == "20"
    table.add("noon", "ours", {"PSNR": math.inf})
    assert str(table.mean("ours", "PSNR")) == "inf"


def test_markdown_has_a_row_for_each_scene_and_method_and_each_mean(table: ScoreTable) -> None:
    assert table.to_markdown() == (
        "| scene | method | PSNR | SSIM |\n"
        "| --- | --- | --- | --- |\n"
        "| dawn | ours | 20 | 0.9 |\n"
        "| dawn | theirs | 18 | – |\n"
        "| noon | ours | 22 | 0.9 |\n"
        "| noon | theirs | 18.5 | – |\n"
        "| dusk | ours | 27 | 0.9 |\n"
        "| dusk | theirs | 17.5 | – |\n"
        "| **mean** | ours | 23 ± 9 | 0.9 ± 0 |\n"
        "| **mean** | theirs | 18 ± 1.2 | – |\n"
        "| **worst** | ours | 20 (dawn) | 0.9 (dawn) |\n"
        "| **worst** | theirs | 17.5 (dusk) | – |\n"
    )  # fmt: skip


def test_bars_in_names_are_escaped() -> None:
    table = ScoreTable(BADNESS)
    table.add("a|b", "ours", {"PSNR": 1.0})
    assert "| a\\|b | ours |" in table.to_markdown()


def test_csv_reads_back_at_full_precision(table: ScoreTable) -> None:
    table.add('dusk, "late"', "ours", {"PSNR": 1 / 3})
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert len(rows) == 7
    assert rows[1] == {"scene": "dawn", "method": "theirs", "PSNR": "18.0", "SSIM": ""}
    assert rows[-1]["scene"] == 'dusk, "late"'
    assert float(rows[-1]["PSNR"]) == 1 / 3


def test_a_score_added_again_replaces_the_first(table: ScoreTable) -> None:
    table.add("dawn", "ours", {"PSNR": 23.0})
    assert table.mean("ours", "PSNR").value == pytest.approx(24)


@pytest.fixture
def ranked() -> ScoreTable:
    table = ScoreTable({"PSNR": lambda score: -score, "chroma": lambda score: abs(score - 1)})
    for scene, psnr, chroma in (
        ("dawn", 20.0, 1.0),
        ("noon", 25.0, 0.5),
        ("dusk", 22.0, math.nan),
        ("night", 18.0, 1.2),
    ):
        table.add(scene, "ours", {"chroma": chroma, "PSNR": psnr})
    return table


def test_the_worst_scene_depends_on_the_direction_of_the_measure(ranked: ScoreTable) -> None:
    assert ranked.worst("ours", "PSNR") == ("night", 18.0)
    assert ranked.worst("ours", "chroma") == ("noon", 0.5)
    assert ranked.worst("theirs", "chroma") is None


def test_measures_are_in_the_order_of_their_badness(ranked: ScoreTable) -> None:
    assert ranked.measures == ["PSNR", "chroma"]


def test_worst_scenes_are_ranked_over_all_measures(ranked: ScoreTable) -> None:
    """Fractions of scenes that are better: night 3/4 and 1/3, noon 0 and 2/3, dawn 2/4 and 0, dusk 1/4."""
    assert ranked.worst_scenes("ours") == ["night", "noon", "dawn", "dusk"]
    assert ranked.worst_scenes("ours", 2) == ["night", "noon"]


def test_scenes_above_a_limit_are_listed_highest_first(ranked: ScoreTable) -> None:
    assert ranked.scenes_above("ours", "PSNR", 20.0) == ["noon", "dusk"]
    assert ranked.scenes_above("ours", "chroma", 1.2) == []


def test_markdown_ends_with_the_worst_scenes(ranked: ScoreTable) -> None:
    assert ranked.to_markdown().splitlines()[-1] == "| **worst** | ours | 18 (night) | 0.5 (noon) |"
