"""What training made: weights files (safetensors, each with a card beside it) and how to read and write them."""

from lightfuse.weights.store import (
    Weights,
    check_shapes,
    check_weights_output,
    load_weights,
    read_weights,
    save_weights,
    shipped_models,
)

__all__ = [
    "Weights",
    "check_shapes",
    "check_weights_output",
    "load_weights",
    "read_weights",
    "save_weights",
    "shipped_models",
]
