"""What the training loop asks of a family of models: draw a batch, compare, validate."""

from typing import Any, Protocol

from torch import Tensor

from lightfuse.models import PaperConfig
from lightfuse.training.context_task import ContextTask
from lightfuse.training.paper_task import PaperTask
from lightfuse.training.prepare import Dataset
from lightfuse.training.settings import TrainSettings
from lightfuse.training.team import Team
from lightfuse.training.validation import Validation


class Task(Protocol):
    """One family's way of training; batches are its own affair."""

    def batch(self, step: int) -> Any:
        """The batch of a step, from the seed and the step's number alone."""

    def losses(self, model: Any, batch: Any) -> dict[str, Tensor]:
        """The parts of the loss, weighted, by name; training minimises their sum."""

    def validate(self, model: Any) -> Validation | None:
        """Fuse the validation scenes whole and measure; None where there is no such scene."""


def task_for(settings: TrainSettings, dataset: Dataset, team: Team) -> Task:
    """The task that trains the model which ``settings`` name.

    Raises:
        DataError: the data set holds nothing this model can be trained on.
    """
    kind = PaperTask if isinstance(settings.config, PaperConfig) else ContextTask
    return kind(settings, dataset, team)
