"""The context models: a FilteringNet on a thumbnail advises a CombiningNet per pixel."""

from lightfuse.models.context.combining import CombiningNet
from lightfuse.models.context.filtering import FilteringNet
from lightfuse.models.context.model import ContextModel

__all__ = ["CombiningNet", "ContextModel", "FilteringNet"]
