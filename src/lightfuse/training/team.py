"""Several processes training one model, on one machine or more, as ``torchrun`` starts them."""

import os
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Team:
    """This process's place among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """The numbers of this process's samples among those of a step, ``batch`` being each process's count."""
        return range(self.rank * batch, (self.rank + 1) * batch)

    def average_gradients(self, module: nn.Module) -> None:
        """Replace the gradients by their mean over the team."""
        if self.size == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        total = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(total)
        parts = torch.split(total / self.size, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


ALONE = Team()


def join_team() -> Team:
    """Meet the other processes that ``torchrun`` started; alone, a team of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    return Team(torch.distributed.get_rank(), size)
