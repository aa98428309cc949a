"""What programs ask of `torch.distributed` before they use it: there is one process.

`is_available()` is False, and programs that ask go on alone. What needs other processes is there by name, so
that it can be imported, and says when it is called what to do instead.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "ReduceOp",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "destroy_process_group",
    "gather",
    "get_backend",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "new_group",
    "recv",
    "reduce",
    "scatter",
    "send",
]


def is_available() -> bool:
    """Give False: there is one process."""
    return False


def is_initialized() -> bool:
    """Give False: there is no group of processes."""
    return False


def is_nccl_available() -> bool:
    """Give False."""
    return False


def is_gloo_available() -> bool:
    """Give False."""
    return False


def is_mpi_available() -> bool:
    """Give False."""
    return False


def is_torchelastic_launched() -> bool:
    """Give False."""
    return False


def refuse(name: str) -> NoReturn:
    """Raise the error of whoever calls what needs other processes."""
    raise RuntimeError(
        f"[distributed.{name}] there is one process: run the program without a launcher, and make such calls "
        "only if bs.distributed.is_available(), which is False here. A step uses all cores "
        "(bs.set_num_threads)"
    )


def init_process_group(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("init_process_group")


def destroy_process_group(group: Any = None) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("destroy_process_group")


def new_group(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("new_group")


def get_rank(group: Any = None) -> NoReturn:
    """Raise RuntimeError, as PyTorch does without a group: there is one process."""
    refuse("get_rank")


def get_world_size(group: Any = None) -> NoReturn:
    """Raise RuntimeError, as PyTorch does without a group: there is one process."""
    refuse("get_world_size")


def get_backend(group: Any = None) -> NoReturn:
    """Raise RuntimeError, as PyTorch does without a group: there is one process."""
    refuse("get_backend")


def barrier(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("barrier")


def all_reduce(tensor: Any, op: Any = None, group: Any = None, async_op: bool = False) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("all_reduce")


def reduce(tensor: Any, dst: int, op: Any = None, group: Any = None, async_op: bool = False) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("reduce")


def broadcast(tensor: Any, src: int, group: Any = None, async_op: bool = False) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("broadcast")


def all_gather(tensor_list: Any, tensor: Any, group: Any = None, async_op: bool = False) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("all_gather")


def all_gather_object(object_list: Any, obj: Any, group: Any = None) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("all_gather_object")


def gather(tensor: Any, gather_list: Any = None, dst: int = 0, group: Any = None) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("gather")


def scatter(tensor: Any, scatter_list: Any = None, src: int = 0, group: Any = None) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("scatter")


def send(tensor: Any, dst: int, group: Any = None, tag: int = 0) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("send")


def recv(tensor: Any, src: int | None = None, group: Any = None, tag: int = 0) -> NoReturn:
    """Raise RuntimeError: there is one process."""
    refuse("recv")


class ReduceOp:
    """Names of what `all_reduce` computes, to be passed on."""

    SUM, AVG, PRODUCT, MIN, MAX = "SUM", "AVG", "PRODUCT", "MIN", "MAX"
    BAND, BOR, BXOR = "BAND", "BOR", "BXOR"
