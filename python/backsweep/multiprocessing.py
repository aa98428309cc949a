"""Python's `multiprocessing` under PyTorch's name, with `spawn`. Tensors are copied to other processes."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from typing import Any

from backsweep._arguments import flag, one_of, whole

__all__ = [*multiprocessing.__all__, "ProcessContext", "get_all_sharing_strategies", "spawn"]
__all__ += ["get_sharing_strategy", "set_sharing_strategy", "start_processes"]


def get_all_sharing_strategies() -> set[str]:
    """Give the ways in which processes share tensors: none but a copy."""
    return {"copy"}


def get_sharing_strategy() -> str:
    """Give "copy"."""
    return "copy"


def set_sharing_strategy(new_strategy: str) -> None:
    """Take PyTorch's word for how tensors are shared, "file_system" or "file_descriptor": they are copied."""
    one_of("set_sharing_strategy", "new_strategy", new_strategy, ("copy", "file_system", "file_descriptor"))


class ProcessContext:
    """The processes that `spawn` has begun.

    Attributes
    ----------
    processes : list of multiprocessing.Process
    """

    def __init__(self, processes: list[Any]) -> None:
        self.processes = processes

    def pids(self) -> list[int | None]:
        """Give the numbers of the processes."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all processes have ended, and give True, or False after `timeout` seconds.

        Raises
        ------
        RuntimeError
            If one has ended with an error, which it has printed; the others are then ended.
        """
        waiting = {process.sentinel: i for i, process in enumerate(self.processes) if process.is_alive()}
        while waiting or any(process.exitcode for process in self.processes):
            for i, process in enumerate(self.processes):
                if process.exitcode:
                    self._end()
                    raise RuntimeError(f"[spawn] process {i} has ended with exit code {process.exitcode}")
            ended = multiprocessing.connection.wait(list(waiting), timeout)
            if not ended:
                return False
            for sentinel in ended:
                self.processes[waiting.pop(sentinel)].join()
        return True

    def _end(self) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join()


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run ``fn(i, *args)`` in processes i = 0, 1, ..., nprocs - 1.

    Parameters
    ----------
    fn : callable
        At the top of a module, so that the processes find it.
    args : tuple
        Pickled for each process: tensors and modules are copies there, and what a process trains stays in
        it.
    nprocs : int, default 1
    join : bool, default True
        Whether to wait for their end.
    daemon : bool, default False
        Whether they end with this process.
    start_method : "spawn", "fork" or "forkserver", default "spawn"

    Returns
    -------
    ProcessContext or None
        None if `join`.

    Raises
    ------
    RuntimeError
        If a process has ended with an error, and `join`.
    """
    nprocs, daemon = whole("spawn", "nprocs", nprocs), flag("spawn", "daemon", daemon)
    one_of("spawn", "start_method", start_method, ("spawn", "fork", "forkserver"))
    kind: Any = multiprocessing.get_context(start_method)
    processes = [kind.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]
    for process in processes:
        process.start()
    context = ProcessContext(processes)
    if not join:
        return context
    context.join()
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Do what `start_processes` does."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)
