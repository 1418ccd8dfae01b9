"""The context models: a FilteringNet on a thumbnail advises a CombiningNet per pixel."""

from lightfuse.networks.context.combining import CombiningNet
from lightfuse.networks.context.filtering import FilteringNet
from lightfuse.networks.context.model import ContextModel

__all__ = ["CombiningNet", "ContextModel", "FilteringNet"]
