"""What optimizers remember of each parameter, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from backsweep import _core
from backsweep._core import Buffer, ShapeError, Tensor
from backsweep._watch import watching

__all__ = ["BufferStates", "ParamBuffers", "ParamState", "States"]


class ParamState(MutableMapping[str, Any]):
    """What an optimizer of one's own remembers of one parameter; behaves as a dict.

    A compiled step may fill, read and write it: it is captured again when there is something new in it, and
    leaves its tensors here after each run. A number that every step counts up means a capture for each;
    ``state["step"] = bs.tensor(0.0)`` does not.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})

    @property
    def names(self) -> tuple[str, ...]:
        """The names that there are, for programs that depend on them."""
        return tuple(self._values)

    def __getitem__(self, name: str) -> Any:
        if watch := watching():
            watch.saw_item(self._values, name, "the optimizer's state ")
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        if watch := watching():
            watch.saw_names(self, "names")
        return name in self._values

    def __setitem__(self, name: str, value: Any) -> None:
        if watch := watching():
            watch.set_item(self._values, name)
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        if watch := watching():
            watch.set_item(self._values, name)
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        if watch := watching():
            watch.saw_names(self, "names")
        return iter(self._values)

    def __len__(self) -> int:
        if watch := watching():
            watch.saw_names(self, "names")
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class States(MutableMapping[Any, Any]):
    """The states of an optimizer of one's own, by parameter, each there (and empty) as soon as it is asked.

    A parameter is `in` it when its state holds something.
    """

    def __init__(self, states: Mapping[Any, Any] | None = None) -> None:
        self._states: dict[Any, Any] = {}
        for key, state in (states or {}).items():
            self[key] = state

    def __getitem__(self, key: Any) -> Any:
        if key not in self._states:
            self._states[key] = ParamState()
        return self._states[key]

    def __contains__(self, key: object) -> bool:
        state = self[key]
        return bool(state) if isinstance(state, ParamState) else True

    def __setitem__(self, key: Any, state: Any) -> None:
        if isinstance(state, Mapping) and not isinstance(state, ParamState):
            mine = self[key]
            mine.clear()
            mine.update(state)
        else:  # PyTorch's optimizers keep other things here too, under keys of their own
            self._states[key] = state

    def __delitem__(self, key: Any) -> None:
        state = self._states[key]
        if isinstance(state, ParamState):
            state.clear()
        else:
            del self._states[key]

    def __iter__(self) -> Iterator[Any]:
        return (key for key in tuple(self._states) if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class ParamBuffers(Mapping[str, Buffer]):
    """What an optimizer of this package remembers of one parameter: buffers, into which assignments write.

    So ``state[name] = value.to(device)`` of programs that move what they have loaded does what it says.
    """

    def __init__(self, buffers: dict[str, Buffer]) -> None:
        self._buffers = buffers

    def __getitem__(self, name: str) -> Buffer:
        return self._buffers[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self._buffers:
            raise KeyError(
                f"[optim] {name!r} is no state of this optimizer, which keeps {list(self._buffers)}"
            )
        buffer = self._buffers[name]
        if value is buffer:
            return
        given = value if isinstance(value, Tensor) else _core.tensor(value, dtype=buffer.dtype)
        if given.shape != buffer.shape:
            raise ShapeError(f"[optim] state {name!r} is {buffer.shape}, the value {given.shape}")
        with _core.no_grad():
            buffer.copy_(given)

    def __iter__(self) -> Iterator[str]:
        return iter(self._buffers)

    def __len__(self) -> int:
        return len(self._buffers)

    def __repr__(self) -> str:
        return repr(self._buffers)


class BufferStates(Mapping[Tensor, ParamBuffers]):
    """What an optimizer of this package remembers of each parameter, by name.

    The buffers are there from the start, as zeros: compiled programs hold them. So `del state[p]` and
    `state.clear()` write zeros, after which the next step is a first one, and so does another mapping that
    takes their place, as ``optimizer.state = defaultdict(dict)``, for what it does not hold.
    """

    def __init__(self, buffers: dict[Tensor, dict[str, Buffer]]) -> None:
        self._buffers = buffers

    def __getitem__(self, p: Tensor) -> ParamBuffers:
        return ParamBuffers(self._buffers[p])

    def __delitem__(self, p: Tensor) -> None:
        for buffer in self._buffers[p].values():
            buffer.fill_(0.0)

    def clear(self) -> None:
        """Let all parameters start anew."""
        for p in self._buffers:
            del self[p]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._buffers)

    def __len__(self) -> int:
        return len(self._buffers)

    def __repr__(self) -> str:
        return repr(self._buffers)
