"""Training context models: samples that fit together, runs that learn, resume exactly and share their steps."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from builders.runs import StoppedError, log_rows, override, stop_at
from torch.nn import functional

from lightfuse.errors import DataError
from lightfuse.images import write_picture
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.psnr_ssim import psnr, ssim
from lightfuse.models import KNOWN_MODELS, read_weights, save_weights
from lightfuse.models.networks import build, to_weights
from lightfuse.training.context import ContextObjective
from lightfuse.training.loop import AveragedModel, prefetched, train
from lightfuse.training.objective import ProcessGroup, WholePair, measure
from lightfuse.training.prepare import PrepareSettings, load_dataset, load_datasets, open_scene, prepare
from lightfuse.training.sampling import ContextSampler, choose_pair, interpolation
from lightfuse.training.settings import choose_settings
from lightfuse.training.soft_reference import best_colours, soft_reference

TINY_ARCHITECTURE = ["architecture.thumbnail_cells=600", "architecture.channels=4", "architecture.levels=2"]
TINY_SAMPLES = ["batch=2", "batch_unlabelled=2", "patch=48"]
TINY_RUN = ["steps=6", "warmup=1", "validate_every=2", "log_every=1", "threads=1"]
TINY_WORDS = ["model=small", *TINY_ARCHITECTURE, *TINY_SAMPLES, *TINY_RUN]
TINY = choose_settings(None, TINY_WORDS)
NO_AUGMENTATION = ["white_balance=0", "exposure_gap=0", "noise=0", "jpeg=0"]
SIZES = [(112, 168), (168, 112), (112, 280), (96, 150), (112, 168), (120, 180)]


def write_scenes(folder, *, reference, seed):
    """Scenes of noise under a slope of light, at three exposures, one portrait and one panorama among them."""
    random = np.random.default_rng(seed)
    for number, (height, width) in enumerate(SIZES):
        place = folder / f"s{number}"
        place.mkdir(parents=True)
        light = random.random((height, width, 3)) * np.linspace(0.2, 1, width)[:, None]
        for stop, gain in enumerate((0.3, 0.8, 2.0)):
            write_picture(place / f"{stop}.png", (np.clip(light * gain, 0, 1) * 255).astype(np.uint8))
        if reference:
            write_picture(place / "reference.png", (light * 255).astype(np.uint8))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two data sets: scenes with a reference, and brackets with soft ones."""
    root = tmp_path_factory.mktemp("data")
    for name, reference in (("labelled", True), ("brackets", False)):
        write_scenes(root / "in" / name, reference=reference, seed=int(reference))
        prepare(root / "in" / name, root / name, PrepareSettings(0, 48, 48, 0.2))
    return [root / "labelled", root / "brackets"]


def ramps_in(root, *, reference):
    """One bracket whose red says how far right and whose green how far down a pixel is, in either orientation."""
    for name, (height, width) in {"landscape": (200, 420), "portrait": (420, 200)}.items():
        (root / "in" / name).mkdir(parents=True)
        ramp = np.zeros((height, width, 3))
        ramp[..., 0] = np.arange(width) / width
        ramp[..., 1] = np.arange(height)[:, None] / height
        shots = {"0": 0.5, "1": 1.0, **({"reference": 1.0} if reference else {})}
        for stop, gain in shots.items():
            write_picture(root / "in" / name / f"{stop}.png", np.round(ramp * gain * 255).astype(np.uint8))
    prepare(root / "in", root / "out", PrepareSettings(0, 48, 48, 0.0))
    return load_dataset(root / "out")


@pytest.fixture(scope="module")
def ramps(tmp_path_factory):
    return ramps_in(tmp_path_factory.mktemp("ramps"), reference=False)


def test_soft_references_and_best_colours_are_stored_where_there_is_no_reference(data):
    dataset = load_dataset(data[1])
    scene = dataset.scenes[0]
    assert not scene.has_reference
    pictures = np.array(open_scene(dataset, scene))
    np.testing.assert_array_equal(pictures[-1], soft_reference(pictures[:-2]))
    np.testing.assert_array_equal(pictures[-2], best_colours(pictures[:-2]))


def test_data_sets_of_other_versions_are_refused(data, tmp_path):
    text = (data[0] / "dataset.json").read_text()
    (tmp_path / "dataset.json").write_text(text.replace('"format": 2', '"format": 1'))
    with pytest.raises(DataError, match="of another version of LightFuse; prepare the data set again"):
        load_dataset(tmp_path)


def test_several_data_sets_are_combined(data):
    both = load_datasets(data)
    assert len(both.scenes) == 2 * len(SIZES)
    assert {scene.name.split("/")[0] for scene in both.scenes} == {"labelled", "brackets"}
    for scene in both.scenes:
        pictures = 4 if scene.has_reference else 5
        assert open_scene(both, scene).shape == (pictures, scene.height, scene.width, 3)


@pytest.mark.parametrize("cells", [192, 48])
@pytest.mark.parametrize("start", [0, 111, 372])
def test_interpolation_matches_the_model(cells, start):
    """Weights from a window's cells give what enlarging the whole context gives there."""
    side, pixels = 500, 128
    context = torch.rand(1, 1, 4, cells)
    whole = functional.interpolate(context, size=(4, side), mode="bilinear", align_corners=False)
    first, weights = interpolation(start / side, pixels / side, pixels, cells)
    assert first % 2 == 0
    found = context[0, 0, :, first : first + weights.shape[1]] @ torch.from_numpy(weights).T
    torch.testing.assert_close(found, whole[0, 0, :, start : start + pixels], atol=2e-5, rtol=0)


@pytest.mark.parametrize("architecture", [[], ["architecture.thumbnail_cells=2400"]])
def test_interpolation_places_the_crop_in_the_thumbnail(ramps, architecture):
    """On ramps, the thumbnail interpolated to the crop's pixels is the crop itself, however cut, shrunk or flipped."""
    settings = choose_settings(
        None, ["model=small", "patch=48", "batch_unlabelled=20", *NO_AUGMENTATION, *architecture]
    )
    slopes = set()
    for sample in ContextSampler(ramps, settings, ProcessGroup(), labelled=False).samples(0):
        row, column = sample.window
        grid = sample.thumbnail[:, row : row + 64, column : column + 64]
        found = sample.rows @ grid @ sample.columns.T
        inside = np.s_[:, 4:-4, 4:-4]  # the ramps end at the picture's edge
        np.testing.assert_allclose(found[inside], sample.crop[:6][inside], atol=0.012)
        slopes.add((sample.crop[0, 0, -1] > sample.crop[0, 0, 0], sample.crop[1, -1, 0] > sample.crop[1, 0, 0]))
    assert len(slopes) > 2


@pytest.mark.parametrize(("labelled", "name"), [(False, "shrink"), (True, "shrink_labelled")])
def test_samples_are_shrunk_with_the_given_probability(tmp_path, labelled, name):
    """On ramps, a crop's two sides differ by as much as it is pixels of the scene wide."""
    ramps = ramps_in(tmp_path, reference=labelled)

    def widths(chance):
        words = [
            "batch=20",
            "batch_unlabelled=20",
            "patch=48",
            "zoom=0",
            "shrink=0.5",
            "shrink_labelled=0.5",
            *NO_AUGMENTATION,
        ]
        settings = choose_settings(
            None, ["model=small", "architecture.thumbnail_cells=2400", *words, f"{name}={chance}"]
        )
        samples = ContextSampler(ramps, settings, ProcessGroup(), labelled=labelled).samples(0)
        sides = [min(np.ptp(sample.crop.numpy()[3]), np.ptp(sample.crop.numpy()[4])) for sample in samples]
        return np.array(sides) * 420 / 47  # 47 steps between 48 pixels, 420 along a scene

    never, always = widths(0), widths(1)
    np.testing.assert_allclose(never, 1, atol=0.06)
    assert np.mean(always > 1.1) > 0.7


def test_every_scene_is_used_before_any_is_used_again(data):
    sampler = ContextSampler(load_dataset(data[0]), TINY, ProcessGroup(), labelled=True)
    drawn = list(chain.from_iterable(sampler.samples(step) for step in range(5)))
    sums = {round(float(sample.crop.sum()), 3) for sample in drawn}
    assert len(sampler) == 5
    assert len(sums) == len(drawn) == 10


def test_a_process_group_draws_what_one_process_would_draw(data):
    dataset = load_datasets(data)
    alone = ContextObjective(override(TINY, ["batch=4", "batch_unlabelled=4"]), dataset, ProcessGroup()).batch(3)
    pair = [ContextObjective(TINY, dataset, ProcessGroup(rank, 2)).batch(3) for rank in (0, 1)]
    assert alone.labelled.sum() == 4
    assert torch.equal(torch.cat([batch.crop[:2] for batch in pair]), alone.crop[:4])
    assert torch.equal(torch.cat([batch.thumbnail[2:] for batch in pair]), alone.thumbnail[4:])


def test_chosen_pairs_are_ordered_by_exposure():
    random = np.random.default_rng(0)
    assert {choose_pair(5, 0.0, random, any_two=True) for _ in range(9)} == {(0, 4)}
    any_two = {choose_pair(4, 1.0, random, any_two=True) for _ in range(200)}
    assert any_two == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    for exposures in range(2, 9):
        drawn = {choose_pair(exposures, 1.0, random, any_two=False) for _ in range(100)}
        assert all(0 <= under < over < exposures for under, over in drawn)


def test_labelled_and_unlabelled_scenes_have_their_own_losses(data):
    objective = ContextObjective(TINY, load_datasets(data), ProcessGroup())
    names = set(objective.losses(build(TINY.config), objective.batch(0)))
    assert names == {
        "out_of_range",
        *(f"labelled_{name}" for name in ("l1", "mse", "ssim", "tone", "chroma", "mef_ssim")),
        *(f"unlabelled_{name}" for name in ("l1", "mse", "ssim", "tone", "chroma", "mef_ssim")),
        *(f"unlabelled_{name}" for name in ("hue", "saturation", "excess_chroma")),
    }
    coloured = ContextObjective(override(TINY, ["highlight_colour=1"]), load_datasets(data), ProcessGroup())
    assert set(coloured.losses(build(TINY.config), coloured.batch(0))) == names | {"unlabelled_highlight_colour"}
    alone = ContextObjective(override(TINY, ["soft=0", "hue=0", "saturation=0"]), load_dataset(data[1]), ProcessGroup())
    assert set(alone.losses(build(TINY.config), alone.batch(0))) == {"out_of_range", "unlabelled_mef_ssim"}


def test_scenes_too_small_for_a_crop_are_left_out(data):
    sampler = ContextSampler(load_dataset(data[0]), override(TINY, ["patch=112"]), ProcessGroup(), labelled=True)
    assert 0 < len(sampler) < 5
    with pytest.raises(DataError, match="large enough for a patch of 256"):
        ContextObjective(override(TINY, ["patch=256"]), load_datasets(data), ProcessGroup())
    with pytest.raises(DataError, match="patch must be at least 44"):
        ContextObjective(override(TINY, ["patch=40"]), load_datasets(data), ProcessGroup())


def test_brackets_alone_with_none_drawn_are_refused(data):
    with pytest.raises(DataError, match="has a reference picture; set batch_unlabelled above 0"):
        ContextObjective(override(TINY, ["batch_unlabelled=0"]), load_dataset(data[1]), ProcessGroup())


def test_scenes_for_validation_only_are_refused(data, tmp_path):
    dataset = load_dataset(data[0])
    kept = [scene for scene in dataset.scenes if scene.split == "valid"]
    with pytest.raises(DataError, match="are for validation; prepare them with a smaller --validation"):
        ContextObjective(TINY, replace(dataset, scenes=kept), ProcessGroup())


@pytest.mark.slow
def test_training_reduces_the_loss(data, tmp_path):
    losses = []
    words = ["steps=200", "validate_every=200", "learning_rate=0.01"]
    train(data, tmp_path / "run", override(TINY, words), report=lambda progress: losses.append(progress.loss))
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])


@pytest.mark.slow
def test_a_resumed_run_is_identical_to_an_uninterrupted_one(data, tmp_path):
    train(data, tmp_path / "uninterrupted", TINY)

    with pytest.raises(StoppedError):
        train(data, tmp_path / "interrupted", TINY, report=stop_at(5))
    train(data, tmp_path / "interrupted", TINY, resume=True)
    for file in ("best.safetensors", "last.safetensors"):
        uninterrupted, resumed = (read_weights(tmp_path / run / file) for run in ("uninterrupted", "interrupted"))
        assert resumed.notes == uninterrupted.notes
        for name, tensor in uninterrupted.tensors.items():
            np.testing.assert_array_equal(resumed.tensors[name], tensor)
    logs = [log_rows(tmp_path / run) for run in ("uninterrupted", "interrupted")]
    assert logs[0] == logs[1]
    assert len(logs[0]) == 1 + TINY.steps


@pytest.mark.slow
def test_a_run_starts_from_given_weights(data, tmp_path):
    """With no step of any size, it ends at them; of another shape, or missing, they are refused."""
    first = build(TINY.config)
    path = tmp_path / "first.safetensors"
    save_weights(path, to_weights(first, "small", {}))
    still = ["steps=1", "learning_rate=0", "learning_rate_floor=0", f"initial={path}"]
    train(data, tmp_path / "run", override(TINY, still))
    kept = read_weights(tmp_path / "run" / "last.safetensors")
    for name, tensor in first.state_dict().items():
        np.testing.assert_array_equal(kept.tensors[name], tensor.numpy(), err_msg=name)
    with pytest.raises(DataError, match="another architecture"):
        train(data, tmp_path / "other", override(TINY, ["initial=small"]))
    with pytest.raises(DataError, match="setting initial: 'nowhere'"):
        train(data, tmp_path / "none", override(TINY, ["initial=nowhere"]))


@pytest.mark.slow
def test_weights_store_their_configuration_and_validation_scores(data, tmp_path):
    train(data, tmp_path / "run", TINY)
    last = read_weights(tmp_path / "run" / "last.safetensors")
    assert (last.model, last.config) == ("small", TINY.config)
    assert last.config != KNOWN_MODELS["small"]
    assert last.notes["step"] == "6"
    figures = {name: float(last.notes[f"validation_{name}"]) for name in ("psnr", "ssim", "mef_ssim", "score")}
    score = figures["psnr"] + 50 * figures["ssim"] + 200 * figures["mef_ssim"]
    assert figures["score"] == pytest.approx(score, abs=0.02)


@pytest.mark.slow
def test_averaged_weights_are_saved(data, tmp_path):
    """Without one, that is the newest weights."""
    for average, newest in (("0", True), ("0.9", False)):
        train(data, tmp_path / average, override(TINY, [f"average={average}"]))
        kept = read_weights(tmp_path / average / "last.safetensors").tensors
        checkpoint = torch.load(tmp_path / average / "checkpoint.pt", weights_only=True)
        for name, tensor in kept.items():
            assert np.array_equal(tensor, checkpoint["averaged"][name])
        same = [np.array_equal(tensor, checkpoint["model"][name]) for name, tensor in kept.items()]
        assert all(same) == newest


def test_average_matches_hand_computation():
    model = build(TINY.config)
    averaged = AveragedModel(model, 0.998)
    start = model.combining.layers[0].weight.detach().clone()
    with torch.no_grad():
        model.combining.layers[0].weight.add_(1.0)
    averaged.update(model, 0)  # (1 + 0) / (10 + 0) of it stays
    torch.testing.assert_close(averaged.model.combining.layers[0].weight, start + 0.9)
    averaged.update(model, 10**6)
    torch.testing.assert_close(averaged.model.combining.layers[0].weight, start + 1 - 0.1 * 0.998)


def test_validation_measures_what_there_is():
    """With a reference PSNR and SSIM, without one MEF-SSIM where the pair is large enough; the model returns over."""
    random = np.random.default_rng(0)
    under, over, reference = random.integers(0, 256, (3, 50, 60, 3), dtype=np.uint8)
    labelled, unlabelled = WholePair(under, over, reference), WholePair(under, over, None)
    small = WholePair(under[:20], over[:20], None)

    def model(under, over):
        return over

    wanted = {"psnr": psnr(over, reference), "ssim": ssim(over, reference), "mef_ssim": mef_ssim(over, [under, over])}
    score = wanted["psnr"] + 50 * wanted["ssim"] + 200 * wanted["mef_ssim"]
    assert measure(model, [labelled, small, unlabelled]) == pytest.approx({**wanted, "score": score})
    assert set(measure(model, [unlabelled])) == {"mef_ssim", "score"}
    assert measure(model, [small]) == {}


def test_prefetching_keeps_order_and_raises_errors():
    assert list(prefetched(lambda step: step * step, range(3, 7))) == [(3, 9), (4, 16), (5, 25), (6, 36)]
    assert list(prefetched(lambda step: step, range(3, 3))) == []

    def fails_at_2(step):
        if step == 2:
            raise DataError("torn file")
        return step

    with pytest.raises(DataError, match="torn file"):
        list(prefetched(fails_at_2, range(5)))


@pytest.mark.network
@pytest.mark.slow
def test_two_processes_equal_one_with_twice_the_batch(data, tmp_path):
    words = [*TINY_WORDS, "steps=3", "validate_every=3"]
    train(data, tmp_path / "alone", choose_settings(None, [*words, "batch=4", "batch_unlabelled=4"]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = [
        subprocess.Popen(
            [sys.executable, "-m", "lightfuse", "train", *map(str, data), "-o", str(tmp_path / "group"), *words],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    printed = [process.communicate() for process in group]
    assert [process.returncode for process in group] == [0, 0], printed
    assert ["best.safetensors" in out for out, _ in printed] == [True, False]
    alone, together = (read_weights(tmp_path / run / "last.safetensors").tensors for run in ("alone", "group"))
    for name, tensor in alone.items():
        np.testing.assert_allclose(together[name], tensor, atol=1e-4)


@pytest.mark.slow
def test_train_command_accepts_several_data_sets(data, tmp_path, lightfuse_program):
    ended = lightfuse_program("train", *data, "-o", tmp_path / "run", *TINY_WORDS, "steps=2")
    assert ended.code == 0, ended.err
    assert "MEF-SSIM" in ended.err
    assert read_weights(tmp_path / "run" / "best.safetensors").config == TINY.config


def test_settings_default_to_those_of_the_model(tmp_path):
    assert choose_settings(None, ["model=small"]).patch == 128
    assert choose_settings(None, ["model=small", "patch=96"]).patch == 96
    assert choose_settings().patch == 256
    path = tmp_path / "s.toml"
    path.write_text('model = "base"\nmef_ssim = 6\n[architecture]\nhidden = [9, 7]\nlevels = 3\n')
    settings = choose_settings(path, ["architecture.channels=18", "architecture.hidden=9,8"])
    assert (settings.mef_ssim, settings.batch) == (6.0, 2)
    assert (settings.config.channels, settings.config.hidden, settings.config.levels) == (18, (9, 8), 3)
    (tmp_path / "s.json").write_text(settings.to_json())
    assert choose_settings(tmp_path / "s.json") == settings


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("model=huge", "unknown model 'huge'; known are paper"),
        ("architecture=big", "architecture.channels=16"),
        ("architecture.heads=3", "field 'heads' of the context architecture does not exist"),
        ("architecture.channels=many", "'channels' of the context architecture cannot be 'many'"),
        ("mef_ssim=-1", "mef_ssim must be a number of at least 0"),
        ("l1=nan", "l1 must be a number"),
        ("average=1", "average must be below 1"),
        ("mef_ssim_unknown=1.5", "mef_ssim_unknown must be at most 1"),
    ],
)
def test_invalid_settings_are_refused_by_name(word, sentence):
    with pytest.raises(DataError, match=sentence):
        choose_settings(None, ["model=small", word])
