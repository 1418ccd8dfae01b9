"""The models: configurations, trained weights, and, with the extra ``train``, torch modules.

Each family has its own CombiningNet and FilteringNet (`lightfuse.models.paper`, `lightfuse.models.context`), the
attributes ``combining`` and ``filtering`` of a model. The torch modules are imported on first use, so that fusing
never imports torch.
"""

from typing import TYPE_CHECKING, Any

from lightfuse.models.config import KNOWN_MODELS, Config, ContextConfig, PaperConfig, config_of
from lightfuse.models.store import (
    Weights,
    check_shapes,
    check_weights_output,
    load_weights,
    read_weights,
    save_weights,
    shipped_models,
)

if TYPE_CHECKING:
    from lightfuse.models.networks import ContextModel, Model, PaperModel, build, from_weights, load, to_weights

__all__ = [
    "KNOWN_MODELS",
    "Config",
    "ContextConfig",
    "ContextModel",
    "Model",
    "PaperConfig",
    "PaperModel",
    "Weights",
    "build",
    "check_shapes",
    "check_weights_output",
    "config_of",
    "from_weights",
    "load",
    "load_weights",
    "read_weights",
    "save_weights",
    "shipped_models",
    "to_weights",
]


def __getattr__(name: str) -> Any:
    """Import a torch module or function on first use."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("lightfuse.models.networks"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
