"""Data-parallel training as torchrun starts it: RANK, WORLD_SIZE and the exchange of gradients."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class World:
    """This process among those that train one adapter together."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process reports and writes."""
        return self.rank == 0

    def share(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """The rows of a batch that this process computes; the batch does not depend on `size`."""
        return rows[self.rank :: self.size]

    def add_up(self, tensor: torch.Tensor) -> None:
        """Replace `tensor` by its sum over all processes."""
        if self.size > 1:
            import torch.distributed as dist

            dist.all_reduce(tensor)

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            import torch.distributed as dist

            dist.barrier()


@contextmanager
def join_world(device: str) -> Generator[World]:
    """The world that the environment describes; alone when it describes none."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    import torch.distributed as dist

    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
