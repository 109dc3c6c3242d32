"""The processes that train one policy together: under ``torchrun`` there are several, otherwise one."""

import importlib
import os
from collections.abc import Iterable, Mapping
from types import TracebackType

import torch
from torch import Tensor, distributed, nn


class Ranks:
    """What the processes of a run do together. All of them call each method at the same point of their training.

    They talk by gloo, which needs no GPU. Alone, a process has nobody to talk to, and everything is as it says.

    Attributes:
        rank: Which of them this is; rank 0 tracks, saves and speaks.
        number: How many there are.
    """

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.number = int(os.environ.get("WORLD_SIZE", "1"))
        if self.number > 1:
            # Imported later, as torch 2.13's Adam does, this module's functions take the group as a default argument:
            # its threads then outlive `destroy_process_group`, and now and then abort the process as it ends.
            importlib.import_module("torch.distributed.nn.functional")
            distributed.init_process_group("gloo")

    def __enter__(self) -> "Ranks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.number > 1:
            distributed.destroy_process_group()

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Put the mean over all ranks in the place of each gradient."""
        if self.number == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.number
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the means over all ranks of metrics that each has of its own."""
        if self.number == 1:
            return dict(metrics)
        every: list[dict[str, float] | None] = [None] * self.number
        distributed.all_gather_object(every, dict(metrics))
        known = [each for each in every if each is not None]
        names = sorted(set().union(*known))
        return {name: sum(each.get(name, 0.0) for each in known) / self.number for name in names}

    def highest(self, *numbers: int) -> tuple[int, ...]:
        """Return the highest that any rank says of each number."""
        if self.number == 1:
            return numbers
        said = torch.tensor(numbers)
        distributed.all_reduce(said, op=distributed.ReduceOp.MAX)
        return tuple(said.tolist())

    def gather(self, tensor: Tensor) -> Tensor:
        """Return what every rank has, stacked in their order."""
        if self.number == 1:
            return tensor[None]
        every = [torch.empty_like(tensor) for _ in range(self.number)]
        distributed.all_gather(every, tensor)
        return torch.stack(every)
