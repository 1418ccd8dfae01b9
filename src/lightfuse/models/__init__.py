"""The models: their configurations and trained weights, and, with the extra ``train``, their torch modules.

Each family has a CombiningNet and a FilteringNet of its own (`lightfuse.models.paper`, `lightfuse.models.context`); in
every model they are the attributes ``combining`` and ``filtering``. The torch modules are imported when first asked
for, so that fusing never imports torch.
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
    from lightfuse.models.context import ContextModel
    from lightfuse.models.networks import Model, build, from_weights, load, to_weights
    from lightfuse.models.paper import PaperModel

_TORCH_MODULES = {
    "ContextModel": "context",
    "Model": "networks",
    "PaperModel": "paper",
    "build": "networks",
    "from_weights": "networks",
    "load": "networks",
    "to_weights": "networks",
}

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
    """Import a torch module or function when it is first asked for."""
    if name in _TORCH_MODULES:
        from importlib import import_module

        return getattr(import_module(f"lightfuse.models.{_TORCH_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
