"""A reader of pickles that can run nothing: it makes plain values, and asks for what is named.

Python's own unpickler imports what a pickle names. This one hands each name to a function, which answers for
a closed list, and calls what that gives and nothing else. Memory is counted, so that it stays within a
multiple of the pickle's length. Source of the format: Python's Lib/pickletools.py.
"""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any

from backsweep import _core
from backsweep.interop._layouts import Refused

__all__ = ["Name", "Pickle", "plain_key"]

# What a pickle may take of memory, by its length: 100,000 empty dicts take 14 times theirs.
_ROOM, _LEAST = 32, 1 << 16
# What one more item takes in a dict or set, and in the memo if it is out of order.
_ITEM = 100
# What a container takes beside what it says of itself, and a tensor beside its elements.
_CONTAINER, _OBJECT = 64, 500
# How many items a key may have, those of its tuples' tuples too.
_KEY = 1000


class Name:
    """What a pickle names: a function that may be called on what the pickle gives, or a word."""

    __slots__ = ("call", "text")

    def __init__(self, text: str, call: Callable[..., Any] | None = None) -> None:
        self.text, self.call = text, call


def plain_key(value: Any) -> bool:
    """Say whether a value may be hashed: not tuples in tuples that are many, or deep."""
    waiting, count = [value], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            count += 1 + len(value)
            if count > _KEY:
                return False
            waiting.extend(value)
        elif isinstance(value, (list, dict, set, frozenset, bytearray)) or type(value).__hash__ is None:
            return False
    return True


class Pickle:
    """One pickle, which begins at a place in bytes; `read` gives its value and leaves `at` behind it.

    Parameters
    ----------
    data : bytes
    at : int
    find : callable
        Gives what "module.name" stands for, or raises.
    persistent : callable
        Gives what an identifier stands for that the pickle's writer has chosen.
    build : callable
        Gives an object its state, and the bytes that it takes.
    """

    def __init__(
        self,
        data: bytes,
        at: int,
        find: Callable[[str], Any],
        persistent: Callable[[Any], Any],
        build: Callable[[Any, Any], int],
    ) -> None:
        self.at = at
        self._data, self._find, self._persistent, self._build = data, find, persistent, build
        self._room = _ROOM * (len(data) - at) + _LEAST
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: list[Any] = []  # by number, as pickles use it one by one
        self._other: dict[int, Any] = {}

    def read(self) -> Any:
        """Run the opcodes up to the last one. Raises Refused, whatever the bytes are."""
        try:
            while (code := self._take(1)) != pickle.STOP:
                step = _STEPS.get(code)
                if step is None:
                    raise Refused(f"is broken, or holds code: opcode {code!r}")
                step(self)
            return self._pop()
        except (Refused, _core.DTypeError):
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
            struct.error,
        ) as error:
            raise Refused(f"is broken: {error}") from error

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise Refused("is broken: it ends within its pickle")
        self.at += count
        return self._data[self.at - count : self.at]

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self.at, self.at + 4096)
        if end < 0:
            raise Refused("is broken: it has a line without an end")
        return self._take(end + 1 - self.at)[:-1]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _charge(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise Refused(f"is broken: its pickle makes more than {_ROOM} times its length")

    def _push(self, value: Any) -> None:
        self._charge(sys.getsizeof(value) + isinstance(value, (list, dict, set, tuple)) * _CONTAINER)
        self._stack.append(value)

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise Refused("is broken: its pickle takes what it has not given")
        return self._stack.pop()

    def _mark(self) -> None:
        self._charge(32)
        self._marks.append(len(self._stack))

    def _items(self) -> list[Any]:
        """Take what stands after the last mark."""
        begin = self._marks.pop()
        items = self._stack[begin:]
        del self._stack[begin:]
        return items

    def _top(self, kind: type) -> Any:
        """Give what items are put into."""
        value = self._pop()
        self._stack.append(value)
        if not isinstance(value, kind):
            raise Refused(f"is broken: its pickle takes {type(value).__name__} for {kind.__name__}")
        return value

    def _put(self, key: int) -> None:
        value = self._pop()
        self._stack.append(value)
        if key == len(self._memo) and key not in self._other:
            self._charge(9)
            self._memo.append(value)
        else:
            self._charge(_ITEM)
            self._other[key] = value

    def _get(self, key: int) -> None:
        self._stack.append(self._other[key] if key in self._other else self._memo[key])

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._check_key(key)
            self._charge(_ITEM)
            target[key] = value

    def _add_items(self, items: list[Any]) -> None:
        target = self._top(set)
        for item in items:
            self._check_key(item)
            self._charge(_ITEM)
            target.add(item)

    def _frozen(self) -> None:
        items = self._items()
        for item in items:
            self._check_key(item)
        self._push(frozenset(items))

    def _check_key(self, value: Any) -> None:
        if not plain_key(value):
            raise Refused(f"has {type(value).__name__} as a key, or too many tuples in it")

    def _dict(self) -> None:
        items = self._items()
        self._push({})
        self._set_items(items)

    def _append(self, items: list[Any]) -> None:
        self._charge(9 * len(items))
        self._top(list).extend(items)

    def _tuple(self, count: int) -> None:
        self._push(tuple([self._pop() for _ in range(count)][::-1]))

    def _text(self, count: int, errors: str = "surrogatepass") -> None:
        self._push(self._take(count).decode("utf-8", errors))

    def _global(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("is broken: it names what is no name")
        self._push(self._find(f"{module}.{name}"))

    def _stack_global(self) -> None:
        name = self._pop()
        self._global(self._pop(), name)

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise Refused("is broken: it calls what is no function")
        if function.call is None:
            raise Refused(f"holds {function.text} as a function")
        self._charge(_OBJECT)
        self._push(function.call(*arguments))

    def _set_state(self) -> None:
        state, target = self._pop(), self._pop()
        self._stack.append(target)
        self._charge(self._build(target, state))

    def _integer(self) -> None:
        """Read the oldest form, in digits; Booleans are integers of two of them."""
        line = self._line()
        if len(line) > 1000:
            raise Refused("is broken: it has an integer of over 1000 digits")
        self._push(line == b"01" if line in (b"00", b"01") else int(line.removesuffix(b"L")))


def _step(function: Callable[..., None], form: str) -> Callable[[Pickle], None]:
    """Give the step of an opcode whose argument is a number."""
    return lambda p: function(p, p._number(form))


_STEPS: dict[bytes, Callable[[Pickle], Any]] = {
    pickle.PROTO: lambda p: p._take(1),
    pickle.FRAME: lambda p: p._take(8),
    pickle.NONE: lambda p: p._stack.append(None),
    pickle.NEWTRUE: lambda p: p._stack.append(True),
    pickle.NEWFALSE: lambda p: p._stack.append(False),
    pickle.BININT: lambda p: p._push(p._number("<i")),
    pickle.BININT1: lambda p: p._push(p._number("<B")),
    pickle.BININT2: lambda p: p._push(p._number("<H")),
    pickle.INT: Pickle._integer,
    pickle.LONG: Pickle._integer,
    pickle.LONG1: lambda p: p._push(int.from_bytes(p._take(p._number("<B")), "little", signed=True)),
    pickle.BINFLOAT: lambda p: p._push(p._number(">d")),
    pickle.FLOAT: lambda p: p._push(float(p._line())),
    pickle.UNICODE: lambda p: p._push(p._line().decode("raw-unicode-escape")),
    pickle.SHORT_BINUNICODE: _step(Pickle._text, "<B"),
    pickle.BINUNICODE: _step(Pickle._text, "<I"),
    pickle.BINUNICODE8: _step(Pickle._text, "<Q"),
    # Strings of Python 2, which PyTorch too takes for UTF-8.
    pickle.SHORT_BINSTRING: _step(Pickle._text, "<B"),
    pickle.BINSTRING: _step(Pickle._text, "<I"),
    pickle.SHORT_BINBYTES: lambda p: p._push(p._take(p._number("<B"))),
    pickle.BINBYTES: lambda p: p._push(p._take(p._number("<I"))),
    pickle.BINBYTES8: lambda p: p._push(p._take(p._number("<Q"))),
    pickle.BYTEARRAY8: lambda p: p._push(bytearray(p._take(p._number("<Q")))),
    pickle.EMPTY_LIST: lambda p: p._push([]),
    pickle.EMPTY_DICT: lambda p: p._push({}),
    pickle.EMPTY_SET: lambda p: p._push(set()),
    pickle.EMPTY_TUPLE: lambda p: p._stack.append(()),
    pickle.LIST: lambda p: p._push(p._items()),
    pickle.TUPLE: lambda p: p._push(tuple(p._items())),
    pickle.TUPLE1: lambda p: p._tuple(1),
    pickle.TUPLE2: lambda p: p._tuple(2),
    pickle.TUPLE3: lambda p: p._tuple(3),
    pickle.DICT: Pickle._dict,
    pickle.FROZENSET: Pickle._frozen,
    pickle.APPEND: lambda p: p._append([p._pop()]),
    pickle.APPENDS: lambda p: p._append(p._items()),
    pickle.SETITEM: lambda p: p._set_items([p._pop(), p._pop()][::-1]),
    pickle.SETITEMS: lambda p: p._set_items(p._items()),
    pickle.ADDITEMS: lambda p: p._add_items(p._items()),
    pickle.MARK: Pickle._mark,
    pickle.POP: lambda p: p._pop(),
    pickle.POP_MARK: lambda p: p._items(),
    pickle.DUP: lambda p: p._stack.extend([p._pop()] * 2),
    pickle.MEMOIZE: lambda p: p._put(len(p._memo) + len(p._other)),
    pickle.PUT: lambda p: p._put(int(p._line()[:20])),
    pickle.BINPUT: _step(Pickle._put, "<B"),
    pickle.LONG_BINPUT: _step(Pickle._put, "<I"),
    pickle.GET: lambda p: p._get(int(p._line()[:20])),
    pickle.BINGET: _step(Pickle._get, "<B"),
    pickle.LONG_BINGET: _step(Pickle._get, "<I"),
    pickle.GLOBAL: lambda p: p._global(p._line().decode(), p._line().decode()),
    pickle.STACK_GLOBAL: Pickle._stack_global,
    pickle.REDUCE: Pickle._reduce,
    pickle.NEWOBJ: Pickle._reduce,
    pickle.BUILD: Pickle._set_state,
    pickle.BINPERSID: lambda p: p._push(p._persistent(p._pop())),
}
