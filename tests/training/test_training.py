"""Training: draws that repeat, losses that agree with the measures, runs that learn and resume exactly."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from builders.runs import StoppedError, log_rows, override, stop_at

from lightfuse.errors import DataError, LightFuseError
from lightfuse.images import write_picture
from lightfuse.metrics.psnr_ssim import ssim as measured_ssim
from lightfuse.models import read_weights
from lightfuse.training.loop import learning_rate, train
from lightfuse.training.losses import reference_losses, ssim
from lightfuse.training.objective import ProcessGroup
from lightfuse.training.paper import PaperObjective, choose_pair
from lightfuse.training.prepare import PrepareSettings, load_dataset, open_scene, prepare
from lightfuse.training.settings import choose_settings, default_settings

TINY_RUN = {"steps": 6, "warmup": 1, "validate_every": 2, "log_every": 1, "threads": 1}
TINY = replace(default_settings("paper"), **TINY_RUN, batch=2, patch=32, learning_rate=0.01, near_pairs=0.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Five scenes of noise at five exposures; the reference is the light itself."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(5)
    for number in range(5):
        folder = root / "in" / f"s{number}"
        folder.mkdir(parents=True)
        light = random.random((72, 88, 3)) * np.linspace(0.2, 1, 88)[:, None]
        for stop, gain in enumerate((0.25, 0.5, 1.0, 2.0, 4.0)):
            write_picture(folder / f"{stop}.png", (np.clip(light * gain, 0, 1) * 255).astype(np.uint8))
        write_picture(folder / "reference.png", (light * 255).astype(np.uint8))
    prepare(root / "in", root / "out", PrepareSettings(0, 32, 32, 0.2))
    return root / "out"


def test_batches_depend_on_the_step_only(data):
    sampler = PaperObjective(TINY, load_dataset(data), ProcessGroup())
    first, again, other = sampler.batch(3), sampler.batch(3), sampler.batch(4)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])


def test_patches_are_cut_at_one_place_from_pair_and_reference(data):
    dataset = load_dataset(data)
    still = override(TINY, ["jitter=false", "flips=false", "channel_swaps=false", "batch=1"])
    pairs, references = PaperObjective(still, dataset, ProcessGroup()).batch(0)
    reference = (references[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    for scene in dataset.split("train"):
        pictures = open_scene(dataset, scene)
        for y, x in scene.patches:
            window = np.s_[y : y + 32, x : x + 32]
            if np.array_equal(pictures[-1][window], reference):
                for slot, index in ((0, 0), (3, 4)):
                    low, high = pictures[index].min(), pictures[index].max()
                    expected = 2 * (pictures[index][window].astype(np.float32) - low) / (high - low) - 1
                    found = pairs[0, slot : slot + 3].permute(1, 2, 0).numpy()
                    np.testing.assert_allclose(found, expected, atol=1e-6)
                return
    pytest.fail("the reference patch is none of the prepared ones")


def test_augmented_patches_keep_pair_and_reference_together(data):
    """Scene by scene, over = 16 × under where neither clips: true after any turn if all are turned alike."""
    sampler = PaperObjective(TINY, load_dataset(data), ProcessGroup())
    for step in range(8):
        pairs, references = sampler.batch(step)
        correlation = np.corrcoef(pairs[:, 0].numpy().ravel(), references[:, 0].numpy().ravel())[0, 1]
        assert correlation > 0.7


def test_chosen_pairs_span_the_bracket():
    random = np.random.default_rng(0)
    drawn = {choose_pair(9, 0.5, random) for _ in range(500)}
    assert (0, 8) in drawn
    assert len(drawn) == 9
    assert all(over - under >= 4 for under, over in drawn)
    assert {choose_pair(2, 1.0, random) for _ in range(50)} == {(0, 1)}


def test_loss_ssim_agrees_with_the_metric():
    random = np.random.default_rng(1)
    a = random.random((40, 50, 3)).astype(np.float32)
    b = np.clip(a + random.normal(0, 0.1, a.shape), 0, 1).astype(np.float32)
    planes = [torch.from_numpy(p).permute(2, 0, 1)[None] for p in (a, b)]
    assert ssim(*planes).item() == pytest.approx(measured_ssim(a, b), abs=1e-5)


def test_loss_is_the_weighted_sum_of_its_parts():
    a, b = torch.full((1, 3, 16, 16), 0.5), torch.full((1, 3, 16, 16), 0.7)

    def loss(fused, reference, **weights):
        return sum(reference_losses(replace(TINY, **weights), fused, reference).values()).item()

    assert loss(a, b, l1=2, mse=0, ssim=0) == pytest.approx(0.4)
    assert loss(a, b, l1=0, mse=3, ssim=0) == pytest.approx(0.12)
    assert loss(a, b, l1=2, mse=3, ssim=0) == pytest.approx(0.52)
    assert loss(a, a, l1=1, mse=1, ssim=1) == pytest.approx(0, abs=1e-6)


def test_learning_rate_rises_then_falls_to_zero():
    settings = replace(TINY, steps=1000, warmup=100, learning_rate=1.0)
    rates = [learning_rate(step, settings) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[100] == 1.0
    assert rates[1000] == pytest.approx(0, abs=1e-9)
    assert all(a >= b for a, b in pairwise(rates[100:]))


@pytest.mark.slow
def test_training_reduces_the_loss(data, tmp_path):
    losses = []
    settings = override(TINY, ["steps=60", "validate_every=60"])
    train(data, tmp_path / "run", settings, report=lambda progress: losses.append(progress.loss))
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


@pytest.mark.slow
def test_a_resumed_run_is_identical_to_an_uninterrupted_one(data, tmp_path):
    uninterrupted = train(data, tmp_path / "uninterrupted", TINY)

    with pytest.raises(StoppedError):
        train(data, tmp_path / "interrupted", TINY, report=stop_at(5))
    with (tmp_path / "interrupted" / "log.csv").open("a") as log:
        log.write("1")  # Of step 12, say, when the disk was full.
    resumed = train(data, tmp_path / "interrupted", TINY, resume=True)
    for name, tensor in read_weights(uninterrupted).tensors.items():
        np.testing.assert_array_equal(read_weights(resumed).tensors[name], tensor)
    logs = [log_rows(tmp_path / run) for run in ("uninterrupted", "interrupted")]
    assert logs[0] == logs[1]
    assert len(logs[0]) == 1 + TINY.steps


@pytest.mark.slow
def test_best_weights_store_their_validation_scores(data, tmp_path):
    best = read_weights(train(data, tmp_path / "run", TINY))
    assert best.model == "paper"
    assert float(best.notes["validation_psnr"]) > 0
    assert choose_settings(tmp_path / "run" / "settings.json") == TINY
    assert list((tmp_path / "run" / "tensorboard").iterdir())


@pytest.mark.slow
def test_a_folder_holds_one_run_only(data, tmp_path):
    train(data, tmp_path / "run", TINY)
    with pytest.raises(DataError, match="already holds a run"):
        train(data, tmp_path / "run", TINY)
    with pytest.raises(DataError, match="had other settings"):
        train(data, tmp_path / "run", override(TINY, ["batch=3"]), resume=True)


@pytest.mark.slow
def test_resuming_before_the_first_checkpoint_starts_the_run(data, tmp_path):
    """A run may be killed at any moment, and the command that finishes it is the same."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lightfuse-0123.part").write_bytes(b"of a killed run")
    best = train(data, tmp_path / "run", TINY, resume=True)
    assert best.read_bytes() == train(data, tmp_path / "other", TINY).read_bytes()
    assert not list((tmp_path / "run").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"PK", b"no checkpoint"])
def test_a_damaged_checkpoint_is_refused(data, tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"checkpoint.pt' is damaged; delete it"):
        train(data, tmp_path / "run", TINY, resume=True)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("stepz=3", "setting 'stepz' does not exist"),
        ("steps=many", "'steps' cannot be 'many'; it is of type int"),
        ("steps", "not of the form name=value"),
        ("patch=30", "multiple of 8"),
        ("patch=8", "from 16 on"),
        ("batch=0", "at least 1"),
        ("flips=perhaps", "it is of type bool"),
    ],
)
def test_invalid_settings_are_refused_by_name(word, sentence):
    with pytest.raises(DataError, match=sentence):
        override(TINY, [word])


def test_too_many_threads_are_refused(data, tmp_path):
    with pytest.raises(LightFuseError, match="1024"):
        train(data, tmp_path / "run", override(TINY, ["threads=100000"]))


def test_any_seed_can_be_trained_with(data, tmp_path):
    settings = override(TINY, [f"seed={2**64 + 5}", "steps=1", "validate_every=1"])
    assert read_weights(train(data, tmp_path / "run", settings)).model == "paper"


def test_settings_from_a_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('model = "paper-wide"\nsteps = 12\nflips = false\n')
    settings = choose_settings(path)
    assert (settings.model, settings.steps, settings.flips) == ("paper-wide", 12, False)
    assert override(settings, ["steps=13"]).steps == 13
    path.write_text("steps = = 3")
    with pytest.raises(DataError, match="not valid"):
        choose_settings(path)


def test_paper_model_needs_references(tmp_path):
    folder = tmp_path / "in" / "a"
    folder.mkdir(parents=True)
    for level in (40, 200):
        noise = np.random.default_rng(level).integers(0, 40, (40, 40, 3))
        write_picture(folder / f"{level}.png", (noise + level).astype(np.uint8))
    prepare(tmp_path / "in", tmp_path / "out", PrepareSettings(0, 32, 32, 0.0))
    with pytest.raises(DataError, match="has a reference picture"):
        train(tmp_path / "out", tmp_path / "run", TINY)
