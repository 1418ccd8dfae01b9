"""Training the paper's network: patches with a reference, normalised as the model normalises.

Every batch depends on the seed and the step's number only, so that a resumed run continues exactly as it would have.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightfuse.errors import DataError
from lightfuse.models.networks import PaperModel
from lightfuse.training.losses import reference_losses
from lightfuse.training.objective import ProcessGroup
from lightfuse.training.prepare import Dataset, open_scene
from lightfuse.training.settings import TrainSettings


class PaperObjective:
    """Random patches of the training scenes that have a reference, and their losses against it."""

    def __init__(self, settings: TrainSettings, dataset: Dataset, group: ProcessGroup) -> None:
        self._settings, self._group = settings, group
        scenes = [scene for scene in dataset.split("train") if scene.has_reference]
        self._scenes = [scene for scene in scenes if min(scene.height, scene.width) >= settings.patch]
        if not self._scenes:
            raise DataError(
                f"no training scene in {str(dataset.folder)!r} has a reference picture of at least "
                f"{settings.patch} pixels; prepare scenes with references, or a smaller patch"
            )
        self._pictures = [open_scene(dataset, scene) for scene in self._scenes]

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the patches of one step: pairs, N×6×P×P, normalised to [-1, 1], and references, N×3×P×P in [0, 1]."""
        seeds = ([self._settings.seed, step, number] for number in self._group.rank_slice(self._settings.batch))
        pairs, references = zip(*[self._patch(np.random.default_rng(seed)) for seed in seeds], strict=True)
        return torch.from_numpy(np.stack(pairs)), torch.from_numpy(np.stack(references))

    def losses(self, model: PaperModel, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Compute the losses of the patches against their reference."""
        pairs, references = batch
        losses = reference_losses(self._settings, (model.respond(pairs) + 1) / 2, references)
        return {name: loss.mean() for name, loss in losses.items()}

    def _patch(self, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        index = int(random.integers(len(self._scenes)))
        scene, pictures = self._scenes[index], self._pictures[index]
        under, over = choose_pair(len(scene.exposures), self._settings.near_pairs, random)
        corner = scene.patches[int(random.integers(len(scene.patches)))]
        reach = self._settings.patch // 2 if self._settings.jitter else 0
        moved = corner + random.integers(-reach, reach + 1, size=2)
        y, x = np.clip(moved, 0, np.subtract((scene.height, scene.width), self._settings.patch)).tolist()
        window = np.s_[y : y + self._settings.patch, x : x + self._settings.patch]
        cuts = [normalised(pictures[i][window], scene.lows[i], scene.highs[i]) for i in (under, over)]
        pair = np.concatenate(cuts, axis=2)
        reference = pictures[-1][window].astype(np.float32) / np.float32(255)
        return self._augment(2 * pair - 1, reference, random)

    def _augment(
        self, pair: NDArray[np.float32], reference: NDArray[np.float32], random: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        turns, mirror, order = int(random.integers(4)), bool(random.integers(2)), random.permutation(3)
        if not self._settings.flips:
            turns, mirror = 0, False
        if not self._settings.channel_swaps:
            order = np.arange(3)
        both = np.concatenate([pair[..., order], pair[..., 3 + order], reference[..., order]], axis=2)
        both = np.rot90(both[:, ::-1] if mirror else both, turns)
        planes = np.ascontiguousarray(both.transpose(2, 0, 1))
        return planes[:6], planes[6:]


def choose_pair(exposures: int, near_pairs: float, random: np.random.Generator) -> tuple[int, int]:
    """Choose indices of an under and an over exposure: the extremes, or with probability ``near_pairs`` near ones.

    Near ones are up to two steps inside, and at least half the bracket apart, so that a pair still spans the scene.
    """
    last = exposures - 1
    reach = min(2, last // 4)
    if reach == 0 or random.random() >= near_pairs:
        return 0, last
    return int(random.integers(0, reach + 1)), last - int(random.integers(0, reach + 1))


def normalised(pixels: NDArray[np.uint8], low: int, high: int) -> NDArray[np.float32]:
    """Stretch to [0, 1] by the whole picture's minimum and maximum, as the model does."""
    if high == low:
        low, high = 0, 255
    return (pixels.astype(np.float32) - np.float32(low)) / np.float32(high - low)
