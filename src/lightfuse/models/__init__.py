"""The models: configurations, trained weights, and, with the extra ``train``, torch modules.

Each family has its own CombiningNet and FilteringNet (`lightfuse.models.paper`, `lightfuse.models.context`), the
attributes ``combining`` and ``filtering`` of a model; `lightfuse.models.networks` builds and converts them. ``load``
alone is also here, and imports torch on first use, so that fusing never does.
"""

from typing import TYPE_CHECKING, Any

from lightfuse.models.config import KNOWN_MODELS, Config, ContextConfig, PaperConfig, config_of
from lightfuse.models.store import (
    Weights,
    check_weights_output,
    load_weights,
    read_weights,
    save_weights,
    shipped_models,
)

if TYPE_CHECKING:
    from lightfuse.models.networks import load

__all__ = [
    "KNOWN_MODELS",
    "Config",
    "ContextConfig",
    "PaperConfig",
    "Weights",
    "check_weights_output",
    "config_of",
    "load",
    "load_weights",
    "read_weights",
    "save_weights",
    "shipped_models",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name == "load":
        from importlib import import_module

        return import_module("lightfuse.models.networks").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
