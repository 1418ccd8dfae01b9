"""The two sub-networks and the models that join them, as plain torch modules (extra ``train``)."""

from lightfuse.networks.combining import CombiningNet
from lightfuse.networks.filtering import FilteringNet
from lightfuse.networks.models import build, from_weights, load, to_weights
from lightfuse.networks.paper import PaperModel

__all__ = ["CombiningNet", "FilteringNet", "PaperModel", "build", "from_weights", "load", "to_weights"]
