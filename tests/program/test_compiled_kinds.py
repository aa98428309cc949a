"""What can be compiled: modules, methods, callables; their copies and pickles; arguments of all kinds."""

from __future__ import annotations

import copy
import functools
import gc
import pickle
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F
from driver import bits
from programs import batch, equal

X = bs.tensor([1.0, -2.0, 3.0])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(8, 3)
        self.scale = 2.0

    def forward(self, x: bs.Tensor) -> Any:
        return self.head(self.body(x)) * self.scale


def train(net: Any, forward: Any = None, steps: int = 5) -> list[Any]:
    bs.manual_seed(3)
    optimizer = bs.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for i in range(steps):
        x, y = batch(seed=i)
        loss = F.cross_entropy((forward or net)(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(bits(loss.detach()))
    return [*losses, *map(bits, net.parameters())]


def in_place(net: nn.Module) -> nn.Module:
    net.compile()
    return net


WAYS: dict[str, Callable[[nn.Module], Any]] = {
    "compiled": bs.compile,
    "in place": in_place,
    "decorator": lambda net: bs.compile(fullgraph=True, mode="max-autotune")(net),
    "copied": lambda net: copy.copy(bs.compile(net)),
    "deeply copied": lambda net: copy.deepcopy(bs.compile(net)),
    "deeply copied, in place": lambda net: copy.deepcopy(in_place(net)),
    "copied, in place": lambda net: copy.copy(in_place(net)),
    "pickled": lambda net: pickle.loads(pickle.dumps(bs.compile(net))),
    "pickled in place": lambda net: pickle.loads(pickle.dumps(in_place(net))),
    "inside another": lambda net: nn.Sequential(bs.compile(net)),
    "twice": lambda net: bs.compile(bs.compile(net)),
}


def plain_net() -> Net:
    bs.manual_seed(1)
    return Net()


def compiled_net(way: str) -> tuple[nn.Module, Any]:
    net = plain_net()
    return net, WAYS[way](net)


@pytest.mark.parametrize("way", WAYS)
def test_training_a_compiled_module_equals_eager(way: str) -> None:
    made = compiled_net(way)[1]
    assert train(made) == train(plain_net())
    if way != "inside another":
        compiled = made.__dict__["forward"] if "place" in way else made
        assert len(compiled.programs) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_compiled_module_is_a_module_of_its_class(way: str) -> None:
    net, made = compiled_net(way)
    if way == "inside another":
        made = made[0]
    assert isinstance(made, Net) and type(made).__name__ == "Net" and callable(made)
    assert repr(made) == repr(net)
    assert list(made.state_dict()) == list(net.state_dict())
    assert made.eval() is made and not made.body[2].training
    x = batch()[0]
    equal(made(x).detach(), net.eval()(x).detach())
    made.load_state_dict({k: v * 2.0 for k, v in net.state_dict().items()})
    made.scale = 3.0
    same = copy.deepcopy(net)
    same.load_state_dict(made.state_dict())
    same.scale = 3.0
    equal(made(x).detach(), same(x).detach())
    with pytest.raises(bs.ShapeError, match=r"head|body"):
        made(bs.ones(2, 5))
    with pytest.raises(AttributeError, match="nothing"):
        made.nothing  # noqa: B018


def test_hooks_for_subclasses_are_not_run() -> None:
    registry = {}

    class Registered(nn.Module):
        def __init_subclass__(cls, *, name: str) -> None:
            registry[name] = cls

        def forward(self, x: bs.Tensor) -> Any:
            return x + x

    class Net(Registered, name="net"):
        pass

    equal(bs.compile(Net())(X), X + X)
    assert registry == {"net": Net}


def test_it_shares_all_with_the_module() -> None:
    net, made = compiled_net("compiled")
    made.extra = nn.Linear(1, 1)
    assert net.extra is made.extra and len(list(net.parameters())) == len(list(made.parameters()))
    net.scale = 5.0
    assert made.scale == 5.0
    assert bs.predict(made, np.ones((2, 6))).tolist() == bs.predict(net, np.ones((2, 6))).tolist()
    made.head = nn.Identity()
    assert made.eval()(batch()[0]).shape == (8, 8)


def test_copies_are_apart() -> None:
    for way in WAYS:
        if "copied" in way or "pickled" in way:
            net, made = compiled_net(way)
            if "deep" in way or "pickled" in way:
                made.head.weight.zero_()
                assert not np.any(np.asarray(made.head.weight)) and np.any(np.asarray(net.head.weight))
            made.scale = 7.0
            assert net.scale == 2.0
            equal(net.eval()(X.new() if False else batch()[0]).detach() * 1.0, net(batch()[0]).detach())


def test_models_go_when_nothing_refers_to_them() -> None:
    gc.collect()
    gc.disable()
    try:
        for way in ("compiled", "in place"):
            net, made = compiled_net(way)
            made(batch()[0])
            gone = weakref.ref(net.head)
            del net, made
            assert gone() is None, way
    finally:
        gc.enable()


def test_a_module_that_holds_compiled_functions() -> None:
    class Holding(Net):
        def __init__(self) -> None:
            super().__init__()
            self.act = bs.compile(F.relu)
            self.step = bs.compile(self.one_step)

        def one_step(self, x: bs.Tensor) -> Any:
            return self.act(self(x))

    globals()["Holding"] = Holding
    Holding.__qualname__ = "Holding"
    net = Holding().eval()
    x = batch()[0]
    want = bits(net.step(x).detach())
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert bits(twin.step(x).detach()) == want
        twin.scale = -2.0
        assert bits(twin.step(x).detach()) != want
        assert bits(net.step(x).detach()) == want


@bs.compile
def doubled(x: bs.Tensor) -> bs.Tensor:
    return x * 2.0


def test_functions_are_copied_and_pickled_as_functions_are() -> None:
    doubled(X)
    for twin in (copy.copy(doubled), copy.deepcopy(doubled), pickle.loads(pickle.dumps(doubled))):
        assert twin is doubled
    other = bs.compile(F.relu, keep_grads=True)
    for twin in (copy.copy(other), copy.deepcopy(other), pickle.loads(pickle.dumps(other))):
        equal(twin(X), F.relu(X))
        assert twin is not other and twin.options == other.options and twin.programs != []
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(bs.compile(lambda x: x))


# ---- Callables ---------------------------------------------------------------------------------------------


class Trainer:
    made = 0.0

    def __init__(self, by: float) -> None:
        self.by = by

    @bs.compile
    def scaled(self, x: bs.Tensor) -> bs.Tensor:
        return x * self.by

    @bs.compile
    @staticmethod
    def outer_static(x: bs.Tensor) -> bs.Tensor:
        return x + 1.0

    @staticmethod
    @bs.compile
    def inner_static(x: bs.Tensor) -> bs.Tensor:
        return x + 1.0

    @bs.compile
    @classmethod
    def outer_class(cls, x: bs.Tensor) -> bs.Tensor:
        return x + cls.made

    @classmethod
    @bs.compile
    def inner_class(cls, x: bs.Tensor) -> bs.Tensor:
        return x + cls.made

    def __call__(self, x: bs.Tensor) -> bs.Tensor:
        return x - self.by


def test_methods_of_all_kinds() -> None:
    a, b = Trainer(2.0), Trainer(3.0)
    for _ in range(2):
        equal(a.scaled(X), X * 2.0)
        equal(b.scaled(X), X * 3.0)
        for owner in (Trainer, a):
            equal(owner.outer_static(X), X + 1.0)
            equal(owner.inner_static(X), X + 1.0)
            equal(owner.outer_class(X), X + Trainer.made)
            equal(owner.inner_class(X), X + Trainer.made)
        Trainer.made = 5.0
    a.by = 7.0
    equal(a.scaled(X), X * 7.0)
    Trainer.made = 0.0


def test_callables_of_all_kinds() -> None:
    trainer = Trainer(2.0)
    cases: list[tuple[Any, Callable[[], Any]]] = [
        (trainer, lambda: X - trainer.by),
        (trainer.__call__, lambda: X - trainer.by),
        (functools.partial(lambda t, x: x - t.by, trainer), lambda: X - trainer.by),
        (functools.partialmethod(Trainer.__call__).__get__(trainer), lambda: X - trainer.by),
        (lambda x: trainer(x), lambda: X - trainer.by),
        (bs.exp, lambda: bs.exp(X)),
        (F.relu, lambda: F.relu(X)),
    ]
    compiled = [bs.compile(fn) for fn, _ in cases]
    for by in (2.0, 3.0):
        trainer.by = by
        for fn, (_, want) in zip(compiled, cases, strict=True):
            for _ in range(2):
                equal(fn(X), want())


def test_instances_of_compiled_methods_may_go() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            trainer = Trainer(2.0)
            trainer.scaled(X)
            gone = weakref.ref(trainer)
            del trainer
            assert gone() is None
        before = len(Trainer.scaled.programs)
        Trainer(4.0).scaled(X)
        assert len(Trainer.scaled.programs) <= before + 1
    finally:
        gc.enable()


# ---- Arguments ---------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    left: Any
    right: Any


class Kind(Enum):
    SUM = 1
    PRODUCT = 2


@dataclass
class Options:
    scale: float = 1.0


@dataclass(frozen=True)
class Frozen:
    scale: float = 1.0


def test_static_arguments() -> None:
    def fn(x: bs.Tensor, how: Any) -> Any:
        if isinstance(how, Kind):
            return x + x if how is Kind.SUM else x * x
        if isinstance(how, (Options, Frozen)):
            return x * how.scale
        if isinstance(how, bs.DType):
            return x.to(how)
        return how(x) if callable(how) else x

    f = bs.compile(fn)
    options = Options(4.0)
    for how in (
        Kind.SUM,
        Kind.PRODUCT,
        options,
        Frozen(2.0),
        Frozen(3.0),
        bs.float64,
        F.relu,
        bs.exp,
        None,
        "a",
    ):
        for _ in range(2):
            equal(f(X, how), fn(X, how))
    n = len(f.programs)
    equal(f(X, Frozen(2.0)), X * 2.0)
    assert len(f.programs) == n
    options.scale = 5.0
    equal(f(X, options), X * 5.0)
    equal(f(X, Options(5.0)), X * 5.0)  # another one, which may change


class Named:
    """Equal to all of its name."""

    def __init__(self, scale: float) -> None:
        self.name, self.scale = "a", scale

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True)
class Partly:
    inner: Frozen
    scale: float = field(compare=False)


def test_arguments_that_are_equal_in_part() -> None:
    f = bs.compile(lambda x, how: x * how.scale)
    for how in (Named(2.0), Named(3.0), Partly(Frozen(), 4.0), Partly(Frozen(), 5.0), Named(2.0)):
        equal(f(X, how), X * how.scale)
    n = len(f.programs)
    equal(f(X, Partly(Frozen(), 5.0)), X * 5.0)
    assert len(f.programs) == n


def test_named_tuples_and_ordered_dicts() -> None:
    def fn(pair: Pair, table: Any) -> Any:
        assert isinstance(pair, Pair)
        return Pair(pair.left + table["a"], OrderedDict(sum=pair.left * pair.right, n=3))

    f = bs.compile(fn)
    for table in ({"a": X}, OrderedDict(a=X)):
        for k in (2.0, 3.0):
            made = f(Pair(X * k, X), table)
            assert isinstance(made, Pair) and isinstance(made.right, OrderedDict)
            equal(made.left, X * k + X)
            equal(made.right["sum"], X * k * X)
            assert made.right["n"] == 3
    assert len(f.programs) == 2
    f((Pair(X, X)), {"a": X})
    with pytest.raises(AssertionError):
        f((X, X), {"a": X})  # a plain tuple is something else


def test_pytorchs_arguments() -> None:
    fn = lambda x: x * 2.0  # noqa: E731
    equal(bs.compile(fn, fullgraph=True, dynamic=False, mode="default", backend="inductor")(X), X * 2.0)
    assert bs.compile(fn, disable=True) is fn
    with pytest.raises(ValueError, match=r"^\[compile\] backend is 'eager'"):
        bs.compile(fn, backend="eager")
    with pytest.raises(TypeError, match=r"^\[compile\] there is no argument 'fullgrap'"):
        bs.compile(fn, fullgrap=True)
    with pytest.raises(TypeError, match=r"^\[compile\] Net is a class"):
        bs.compile(Net)
    with pytest.raises(TypeError, match=r"^\[compile\] int is not callable"):
        bs.compile(3)
