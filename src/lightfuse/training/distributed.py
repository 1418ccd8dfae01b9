"""Data-parallel training: the process group that ``torchrun`` starts, on one machine or more."""

import os
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class ProcessGroup:
    """This process's rank in the group that trains one model together, and the group's size."""

    rank: int = 0
    size: int = 1

    @property
    def is_main_process(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def rank_slice(self, batch: int) -> range:
        """The indices of this process's samples among those of a step, ``batch`` being each process's count."""
        return range(self.rank * batch, (self.rank + 1) * batch)

    def average_gradients(self, module: nn.Module) -> None:
        """Replace the gradients by their mean over the group."""
        if self.size == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        total = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(total)
        parts = torch.split(total / self.size, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


SINGLE_PROCESS = ProcessGroup()


def join_process_group() -> ProcessGroup:
    """Join the other processes that ``torchrun`` started; without it, a group of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return SINGLE_PROCESS
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    return ProcessGroup(torch.distributed.get_rank(), size)
