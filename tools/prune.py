"""Take the hidden channels out of a context model's CombiningNet that change its pictures least.

    python -m tools.prune -o OUT --hidden 6,6 [--chroma 0.99] WEIGHTS DATASET... [SETTING=VALUE...]

After long trainings ReLU leaves some channels at 0 in all pictures, and they only cost time. Channels go one at a time;
the pictures they are judged by are samples of the data sets, drawn by the settings of a training. Chroma can be
multiplied on the way: its gain is part of the network's answer.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lightfuse.errors import LightFuseError
from lightfuse.models import ContextConfig, Weights, load_weights, save_weights
from lightfuse.models.config import OUTPUTS
from lightfuse.models.networks import ContextModel, from_weights
from lightfuse.training.context import ContextObjective, fuse_batch
from lightfuse.training.objective import join_process_group
from lightfuse.training.prepare import load_datasets
from lightfuse.training.sampling import Sample
from lightfuse.training.settings import choose_settings

_BATCHES = 24
_CHROMA_GAIN = OUTPUTS.index("chroma gain")


def without(weights: Weights, layer: int, channel: int) -> Weights:
    """Return the weights without a channel of hidden layer 0 or 1."""
    config, tensors = weights.config, dict(weights.tensors)
    assert isinstance(config, ContextConfig)

    def cut(name: str, axis: int) -> None:
        kept = [i for i in range(tensors[name].shape[axis]) if i != channel]
        tensors[name] = tensors[name].take(kept, axis)

    cut(f"combining.layers.{layer}.weight", 0)
    cut(f"combining.layers.{layer + 1}.weight", 1)
    for name in ("filtering.head.weight", "filtering.head.bias") if layer == 0 else ("combining.layers.1.bias",):
        cut(name, 0)
    hidden = tuple(width - (place == layer) for place, width in enumerate(config.hidden))
    return Weights(weights.model, tensors, weights.notes, dataclasses.replace(config, hidden=hidden))


def pruned(weights: Weights, hidden: Sequence[int], batches: Sequence[Sample]) -> Weights:
    """Return the weights with hidden layers of these widths, without the channels that change the batches least."""

    def fused(candidate: Weights) -> list[Tensor]:
        model = from_weights(candidate)
        assert isinstance(model, ContextModel)
        with torch.no_grad():
            return [fuse_batch(model, batch)[0] for batch in batches]

    def change(candidate: Weights) -> float:
        return sum(float((now - was).abs().mean()) for now, was in zip(fused(candidate), whole, strict=True))

    whole = fused(weights)
    for layer, width in enumerate(hidden):
        while weights.config.hidden[layer] > width:
            candidates = [without(weights, layer, channel) for channel in range(weights.config.hidden[layer])]
            changes = [change(candidate) for candidate in candidates]
            least = changes.index(min(changes))
            weights = candidates[least]
            levels = 255 * changes[least] / len(batches)
            print(f"layer {layer}: without channel {least}, {levels:.2f} levels from the whole", flush=True)
    return weights


def with_chroma(weights: Weights, factor: float) -> Weights:
    """Return the weights with the chroma of their pictures multiplied: its gain is 1 and what the network answers."""
    tensors = {name: tensor.copy() for name, tensor in weights.tensors.items()}
    answer = weights.config.hidden[0] + _CHROMA_GAIN
    tensors["combining.layers.2.weight"][_CHROMA_GAIN] *= factor
    tensors["filtering.head.weight"][answer] *= factor
    tensors["filtering.head.bias"][answer] += (factor - 1) * (1 + tensors["filtering.head.bias"][answer])
    return dataclasses.replace(weights, tensors=tensors)


def main() -> None:
    """Prune and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("datasets_and_settings", nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--hidden", required=True)
    parser.add_argument("--chroma", type=float, default=1.0)
    options = parser.parse_args()
    words = [word for word in options.datasets_and_settings if "=" in word]
    datasets = [Path(word) for word in options.datasets_and_settings if "=" not in word]
    weights = load_weights(options.weights)
    objective = ContextObjective(
        choose_settings(words=[f"model={weights.model}", *words]), load_datasets(datasets), join_process_group()
    )
    batches = [objective.batch(step) for step in range(_BATCHES)]
    narrow = pruned(weights, [int(width) for width in options.hidden.split(",")], batches)
    save_weights(options.out, with_chroma(narrow, options.chroma))


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        raise SystemExit(f"prune: {error}") from None
