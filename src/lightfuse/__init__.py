"""LightFuse: an under- and an over-exposed photograph of one scene, fused into a single well-exposed picture."""

TYPE_CHECKING = False  # Type checkers take it for true; importing typing would take longer than all the rest.

if TYPE_CHECKING:
    from typing import Any

    from lightfuse.errors import DataError, LightFuseError, MissingExtraError, OutputError, PictureError, WeightsError
    from lightfuse.fuser import Fuser
    from lightfuse.images import EncodeOptions
    from lightfuse.opencv import MergeLightFuse
    from lightfuse.options import FuseOptions
    from lightfuse.pipeline import FuseReport, fuse, fuse_files

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "EncodeOptions",
    "FuseOptions",
    "FuseReport",
    "Fuser",
    "LightFuseError",
    "MergeLightFuse",
    "MissingExtraError",
    "OutputError",
    "PictureError",
    "WeightsError",
    "__version__",
    "fuse",
    "fuse_files",
]

_HOMES = {
    "EncodeOptions": "images",
    "FuseOptions": "options",
    "Fuser": "fuser",
    "FuseReport": "pipeline",
    "MergeLightFuse": "opencv",
    "fuse": "pipeline",
    "fuse_files": "pipeline",
}


def __getattr__(name: str) -> "Any":
    """Import a public name when it is first asked for, so that ``import lightfuse`` costs nothing."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"lightfuse.{_HOMES.get(name, 'errors')}"), name)
    raise AttributeError(f"module 'lightfuse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
