"""The two sub-networks and the models that join them, as plain torch modules (extra ``train``).

Each family has a CombiningNet and a FilteringNet of its own: the modules `lightfuse.networks.paper` and
`lightfuse.networks.context`. In every model they are the attributes ``combining`` and ``filtering``.
"""

from lightfuse.networks.context import ContextModel
from lightfuse.networks.models import Model, build, from_weights, load, to_weights
from lightfuse.networks.paper import PaperModel

__all__ = ["ContextModel", "Model", "PaperModel", "build", "from_weights", "load", "to_weights"]
