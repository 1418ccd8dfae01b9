"""What training made: weights files (safetensors, each with a card beside it) and how to read and write them."""

from lightfuse.weights.architecture import KNOWN_MODELS, Config, ContextConfig, PaperConfig, config_of
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
    "KNOWN_MODELS",
    "Config",
    "ContextConfig",
    "PaperConfig",
    "Weights",
    "check_shapes",
    "check_weights_output",
    "config_of",
    "load_weights",
    "read_weights",
    "save_weights",
    "shipped_models",
]
