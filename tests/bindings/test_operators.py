"""Operators of tensors and the dtypes of numbers beside them; op functions and their arguments."""

import copy
import inspect
import operator
import pickle

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core


def leaf(*shape, dtype=np.float32, seed=0):
    a = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return _core.tensor(a, requires_grad=True)


# ---- operators --------------------------------------------------------------------------------------------

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", OPERATORS + COMPARISONS)
def test_operators_against_numpy(op):
    a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    b = np.array([2.0, 2.0, 4.0], np.float32)
    t, u = _core.tensor(a), _core.tensor(b)
    for got, want in [
        (op(t, u), op(a, b)),
        (op(t, 2), op(a, 2)),
        (op(2.0, t), op(2.0, a)),
        (op(t, b), op(a, b)),
        (op(a, u), op(a, b)),
        (op(np.float32(2), t), op(np.float32(2), a)),
    ]:
        assert type(got) is _core.Tensor
        np.testing.assert_array_equal(got.numpy(), want)
        assert got.dtype == want.dtype


def test_unary_and_matmul():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    t = _core.tensor(a)
    np.testing.assert_array_equal((-t).numpy(), -a)
    assert +t is t
    np.testing.assert_allclose((t @ t.T).numpy(), a @ a.T)
    np.testing.assert_allclose((a @ t.T).numpy(), a @ a.T)
    with pytest.raises(TypeError):
        t @ 2


def test_operators_with_strangers():
    t = _core.tensor([1.0])
    for bad in ["a", None, object(), [1.0]]:
        with pytest.raises(TypeError):
            t + bad
        with pytest.raises(TypeError):
            bad * t

    class Stranger:
        def __radd__(self, other):
            return "taken"

    assert t + Stranger() == "taken"
    assert (t == None) is False  # noqa: E711
    assert (t != "x") is True
    assert t in [_core.tensor([2.0]), t]
    with pytest.raises(TypeError):
        operator.lt(t, "x")


KIND = {"bool": 0, "int32": 1, "int64": 1, "float32": 2, "float64": 2}
OWN = {0: "bool", 1: "int64", 2: "float32"}


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("number", [True, 2, 2.5])
@pytest.mark.parametrize("call", ["operator", "reflected", "function", "where"])
def test_promotion_with_numbers(dtype, shape, number, call):
    """A number takes the tensor's dtype unless its own kind is higher; then int64 or float32."""
    x = _core.ones(*shape, dtype=dtype)
    kind = 0 if isinstance(number, bool) else 1 if isinstance(number, int) else 2
    want = dtype if kind <= KIND[dtype] else OWN[kind]
    if call == "operator":
        y = x + number
    elif call == "reflected":
        y = number + x
    elif call == "function":
        y = _core.add(other=x, input=number)
    else:
        y = _core.where(_core.tensor(True), x, number)
    assert y.dtype == want
    assert y.shape == shape
    if call != "where":
        assert y.numpy().flat[0] == (1 + number if want != "bool" else True)


def test_weak_numbers_keep_float64_precision():
    x = _core.tensor(np.ones(3))
    assert (x * 0.1).numpy()[0] == 0.1
    assert _core.where(_core.tensor([True]), 0.1, x).numpy()[0] == 0.1
    assert _core.where(_core.tensor([True]), 1, 0).dtype == "int64"
    assert _core.where(_core.tensor([True]), 1, 0.0).dtype == "float32"
    assert _core.bucketize(1, x).dtype == "int64"


def test_a_number_for_the_first_tensor_is_refused_as_in_pytorch():
    x = bs.tensor([1.0, 2.0])
    for call, text in [
        (lambda: bs.exp(2.0), r"^\[exp\] input is float: it must be a tensor, as in bs.tensor\(2.0\)$"),
        (lambda: bs.maximum(2, x), r"^\[maximum\] input is int: it must be a tensor"),
        (lambda: bs.max(True, x), r"^\[max\] input is bool: it must be a tensor"),
        (lambda: bs.eq(input=2, other=x), r"^\[eq\] input is int"),
        (lambda: bs.where(True, x, x), r"^\[where\] condition is bool"),
        (lambda: bs.pow(2, 3), r"^\[pow\] input is int: it must be a tensor, .* or what stands beside it$"),
        (lambda: bs.special.zeta(2, 3), r"^\[special_zeta\] input is int"),
    ]:
        with pytest.raises(TypeError, match=text):
            call()
        with pytest.raises(TypeError, match=text):
            bs.compile(call)()
    assert bs.add(2, 3).tolist() == 5 and bs.div(1, x).tolist() == [1.0, 0.5]
    assert bs.pow(2, x).tolist() == [2.0, 4.0] and bs.special.xlog1py(2, x).shape == (2,)
    assert bs.isin(2, x).tolist() is True and bs.maximum(x, 1.5).tolist() == [1.5, 2.0]
    assert bs.exp([0.0, 0.0]).tolist() == bs.exp(np.zeros(2, np.float32)).tolist() == [1.0, 1.0]


def test_numpy_operands_keep_their_dtype():
    x = _core.tensor([1.0, 2.0])
    assert (x * np.ones(2)).dtype == "float64"
    assert (np.ones(2) * x).dtype == "float64"
    assert (x * np.float64(2)).dtype == "float32"  # a Python float, to isinstance


# ---- op functions -----------------------------------------------------------------------------------------


def test_every_op_is_there_once():
    names = [d["name"] for d in _core.registry()]
    assert names == sorted(set(names))
    for d in _core.registry():
        f = getattr(_core.ops, d["name"])
        assert f.__name__ == f.__qualname__ == d["name"]
        assert f.__doc__
        # No one text is true of a name that stands for several ops.
        assert (f.__text_signature__ is None) == bool(d["overloads"])
        assert pickle.loads(pickle.dumps(f)) is f
        assert copy.deepcopy(f) is f
        assert hasattr(_core, d["name"]) or d["visibility"] == "hidden"
        if d["visibility"] != "hidden":
            assert getattr(_core, d["name"]) is f
            assert d["name"] in _core.__all__
            assert f.__module__ == "backsweep"
        if d["visibility"] == "method":
            assert callable(getattr(_core.Tensor, d["name"]))


def test_signatures():
    # With the second names of what may be left out.
    assert str(inspect.signature(_core.sum)) == (
        "(input, dim=None, keepdim=False, *, dtype=None, axis=None, keepdims=False)"
    )
    assert str(inspect.signature(_core.ones(2).argmax)) == (
        "(dim=None, keepdim=False, *, axis=None, keepdims=False)"
    )
    assert str(inspect.signature(_core.ops.dropout)) == "(input, p=0.5, *, generator=None)"
    assert (
        str(inspect.signature(_core.uniform))
        == "(shape, low=0.0, high=1.0, dtype='float32', *, generator=None)"
    )
    assert str(inspect.signature(_core.linear)) == "(input, weight, bias=None)"
    assert str(inspect.signature(_core.maximum)) == "(input, other)"
    assert str(inspect.signature(_core.softmax)) == "(input, dim, dtype=None)"
    assert str(inspect.signature(_core.ops.cross_entropy)) == (
        "(input, target, *, ignore_index=-100, reduction='mean')"
    )
    assert str(inspect.signature(_core.ones(2).add_)) == "(other, *, alpha=1)"


def test_dims_arguments():
    a = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    t = _core.tensor(a)
    for got, want in [
        (t.sum(), a.sum()),
        (t.sum(1), a.sum(1)),
        (t.sum(dim=-1), a.sum(-1)),
        (t.sum(axis=(0, 2)), a.sum((0, 2))),
        (t.sum([0, 1], True), a.sum((0, 1), keepdims=True)),
        (t.sum(axis=1, keepdims=True), a.sum(1, keepdims=True)),
        (_core.sum(x=t, dim=np.int64(1)), a.sum(1)),
        (_core.sum(input=t, dim=1), a.sum(1)),
        (_core.sum(a, dim=None), a.sum()),
        (t.reshape(4, 6), a.reshape(4, 6)),
        (t.reshape((4, -1)), a.reshape(4, -1)),
        (t.reshape(-1), a.reshape(-1)),
        (t.view(6, 4), a.reshape(6, 4)),
        (t.permute(2, 0, 1), a.transpose(2, 0, 1)),
        (_core.reshape(t, shape=[24]), a.reshape(24)),
        (_core.permute(t, (1, 0, 2)), a.transpose(1, 0, 2)),
        (t.T, a.T),
        (_core.tensor(1.0).reshape(()), np.float32(1)),
    ]:
        np.testing.assert_allclose(got.numpy(), want)


def test_words():
    x, target = _core.ones(2, 3), _core.tensor([0, 1])
    for reduction, shape in (("none", (2,)), ("mean", ()), ("sum", ())):
        assert _core.ops.cross_entropy(x, target, reduction=reduction)[0].shape == shape
    for wrong, shown in (("max", "'max'"), (1, "1"), (None, "None"), (b"mean", "of type bytes")):
        with pytest.raises(
            ValueError, match=rf'^\[cross_entropy\] reduction is {shown}; it must be "none", "mean" or "sum"'
        ):
            _core.ops.cross_entropy(x, target, reduction=wrong)


def test_lists_of_any_length():
    x = _core.tensor(np.arange(40.0))
    assert [len(p) for p in x.split([1] * 20 + [20])] == [1] * 20 + [20]
    assert [len(p) for p in x.split(split_size=15)] == [15, 15, 10]
    part = _core.ones(1)
    made = _core.ops.add_slices([part] * 12, shape=(12,), slices=[n for i in range(12) for n in (0, i, 1, 1)])
    assert made.tolist() == [1.0] * 12
    with pytest.raises(TypeError, match=r"^\[add_slices\] slices is a list or tuple of ints, not int"):
        _core.ops.add_slices([part], shape=(1,), slices=1)


def test_second_names_are_those_of_the_schema():
    """Each op takes NumPy's names where it has PyTorch's, and the registry says which."""
    expected = {"input": ["x", "a", "x1"], "other": ["x2"], "dim": ["axis"], "keepdim": ["keepdims"]}
    for op in _core.registry():
        for parameter in (*op["inputs"], *op["attrs"]):
            assert parameter["aliases"][: len(expected.get(parameter["name"], []))] == expected.get(
                parameter["name"], []
            )
    x = _core.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert _core.sub(x1=x, x2=1).tolist() == _core.sub(input=x, other=1).tolist()
    assert _core.softmax(x=x, axis=0).tolist() == _core.softmax(x, 0).tolist()
    assert _core.ops.slice(a=x, axis=1, start=1).tolist() == [[2.0], [5.0]]
    assert x.view(shape=(4,)).tolist() == x.view(size=4).tolist() == x.view(4).tolist()


def test_keys_are_drawn_last():
    """A call with wrong arguments draws nothing; a key that is given is used."""
    bs.manual_seed(3)
    before = _core.default_generator.tolist()
    for wrong in ({"p": "a"}, {"q": 1}):
        with pytest.raises(TypeError):
            _core.ops.dropout(_core.ones(4), **wrong)
    with pytest.raises(TypeError):
        _core.ops.dropout("a")
    assert _core.default_generator.tolist() == before
    key = _core.tensor([3, 0])
    one = _core.ops.dropout(_core.ones(100), key=key)
    assert _core.default_generator.tolist() == before
    assert _core.ops.dropout(_core.ones(100)).tolist() == one.tolist()
    assert _core.default_generator.tolist() != before
    assert _core.uniform(5, key=key).tolist() == _core.uniform((5,), key=key).tolist()


def test_functions_of_numpy():
    """Those that are ops give tensors with their history; others say what to do."""
    x = _core.tensor([0.5, 2.0], requires_grad=True)
    y = np.exp(x)
    assert type(y) is _core.Tensor
    np.testing.assert_array_equal(_core.grad(y.sum(), x).numpy(), y.detach().numpy())
    for made, want in [
        (np.multiply(2.0, x), [1.0, 4.0]),
        (np.subtract(np.ones(2, np.float32), x), [0.5, -1.0]),
        (np.power(x, 2), [0.25, 4.0]),
        (np.maximum(x, 1), [1.0, 2.0]),
        (np.less(x, 1), [True, False]),
    ]:
        assert type(made) is _core.Tensor
        assert made.tolist() == want
    a = np.ones(2, np.float32)
    for call, text in [
        (lambda: np.cbrt(x), r"^\[np.cbrt\] .* x.numpy\(\)"),
        (lambda: np.add.reduce(x), r"^\[np.add.reduce\] .* x.numpy\(\)"),
        (lambda: np.exp(x, out=a), r"^\[np.exp\] .* y = bs.exp"),
        (lambda: a.__iadd__(x), r"^\[np.add\] .* y = bs.add"),
    ]:
        with pytest.raises(TypeError, match=text):
            call()


def test_alias_given_twice():
    with pytest.raises(TypeError, match=r"^\[sum\] got two values for 'dim'"):
        _core.ones(2).sum(dim=0, axis=0)
    with pytest.raises(TypeError, match=r"^\[sum\] got two values for 'dim'"):
        _core.ones(2).sum(0, axis=0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda t: _core.add(t), r"^\[add\] missing argument 'other'"),
        (lambda t: _core.add(t, None), r"^\[add\] other is a tensor, not None"),
        (lambda t: _core.add(t, "a"), r"^\[add\] other is a tensor, an array"),
        (lambda t: _core.add(t, t, t), r"^\[add\] takes 2 arguments \(input, other, \*, alpha=1\), not 3"),
        (lambda t: t.size(0, 1), r"^\[size\] takes 1 argument \(dim=None\), not 2"),
        (lambda t: t.size(d=0), r"^\[size\] there is no argument 'd' in \(dim=None\)"),
        (lambda t: t.to(), r"^\[to\] missing argument 'dtype'"),
        (lambda t: t.type_as(), r"^\[type_as\] missing argument 'other'"),
        (lambda t: t.where(t), r"^\[where\] missing argument 'other'"),
        (lambda t: t.where(t, t, t), r"^\[where\] takes 3 arguments"),
        (lambda t: _core.Parameter(t).add_(t, other=t), r"^\[add_\] got two values for 'other'"),
        (lambda t: _core.Parameter(t).mul_(t, alpha=2), r"^\[mul_\] there is no argument 'alpha'"),
        (lambda t: _core.Parameter(t).copy_(), r"^\[copy_\] missing argument 'src'"),
        (lambda t: _core.Parameter(), r"^\[Parameter\] missing argument 'data'"),
        (lambda t: _core.Buffer(t, True), r"^\[Buffer\] takes 1 argument \(data\), not 2"),
        (lambda t: _core.no_grad(f=1), r"^\[no_grad\] there is no argument 'f' in \(fn=None\)"),
        (lambda t: _core.no_grad(None), r"^\[no_grad\] decorates a function, not NoneType"),
        (lambda t: _core.enable_grad()(), r"^\[enable_grad\] missing argument 'fn'"),
        (lambda t: _core.Tensor(t, grad=True), r"^\[Tensor\] there is no argument 'grad'"),
        (lambda t: _core.add(t, t, z=1), r"^\[add\] there is no argument 'z'"),
        (lambda t: _core.add(t, x=t), r"^\[add\] got two values for 'input'"),
        (lambda t: t.sum("0"), r"^\[sum\] dim is an int or a sequence of ints, not str"),
        (lambda t: t.sum(0.5), r"^\[sum\] dim is an int or a sequence of ints, not float"),
        (lambda t: t.sum(True), r"^\[sum\] dim"),
        (lambda t: t.sum(0, 1), r"^\[sum\] keepdim is True or False, not int"),
        (lambda t: t.sum((0.5,)), r"^\[sum\] dim is an int, not float"),
        (lambda t: t.reshape(), r"^\[reshape\] missing argument 'shape'"),
        (lambda t: t.reshape((1,), 2), r"^\[reshape\] shape is an int, not tuple"),
        (lambda t: t.transpose(0, "1"), r"^\[transpose\] dim1 is an int, not str"),
        (lambda t: t.transpose(0), r"^\[transpose\] missing argument 'dim1'"),
        (lambda t: _core.ops.dropout(t, True), r"^\[dropout\] p is a number, not bool"),
        (lambda t: _core.ops.dropout(t, "0.5"), r"^\[dropout\] p is a number, not str"),
        (lambda t: _core.ops.host_call(3), r"^\[host_call\] function cannot be given from Python"),
    ],
)
def test_argument_errors(call, text):
    with pytest.raises(TypeError, match=text):
        call(_core.ones(2, 2))


def test_errors_of_ops_are_python_errors():
    with pytest.raises(_core.ShapeError, match=r"^\[add\]"):
        _core.ones(2) + _core.ones(3)
    with pytest.raises(ValueError):
        _core.ones(2) + _core.ones(3)
    with pytest.raises(TypeError):
        _core.where(_core.ones(2), 1.0, 2.0)
    with pytest.raises(IndexError):
        _core.ones(2).sum(3)
    with pytest.raises(_core.ShapeError):
        _core.ones(2).reshape(1, 1, 1, 1, 1, 1, 1, 1, 2)
    for cls, base in [
        (_core.ShapeError, ValueError),
        (_core.DTypeError, TypeError),
        (_core.GraphError, RuntimeError),
    ]:
        assert issubclass(cls, base)
        assert cls.__module__ == "backsweep"
        assert pickle.loads(pickle.dumps(cls("x"))).args == ("x",)


def test_outputs_in_a_tuple():
    out = _core.ops.layer_norm(leaf(4, 8), _core.ones(8), _core.zeros(8))
    assert isinstance(out, tuple)
    assert out[0].shape == (4, 8)
    assert len(out) == 3
    assert out[0].requires_grad


def test_helpers_of_derivative_rules_are_not_public() -> None:
    for name in ("gelu_slope", "mul_mask", "mul_zero"):
        assert not hasattr(bs, name)
        assert name not in bs.__all__
        assert not hasattr(_core, name)
        assert not hasattr(bs.Tensor, name)
        assert hasattr(_core.ops, name)


def test_powers():
    x = _core.tensor([2.0, -3.0, 0.5], requires_grad=True)
    for n in (-3, -1, 0, 1, 2, 3, 7, 2.0):
        np.testing.assert_allclose((x**n).numpy(), np.array([2.0, -3.0, 0.5], np.float32) ** n, rtol=1e-6)
    np.testing.assert_allclose(_core.grad((x**3).sum(), x).numpy(), [12.0, 27.0, 0.75], rtol=1e-6)
    np.testing.assert_allclose((_core.tensor([4.0, 9.0]) ** 0.5).tolist(), [2.0, 3.0])
    assert (_core.tensor([2, 3]) ** 2).dtype == "int64"
    with pytest.raises(ValueError, match=r"^\[pow\]"):
        _core.tensor([2, 3]) ** -1
    assert (_core.tensor([2, 3]) ** 2.0).tolist() == [4.0, 9.0]
    assert (_core.tensor([2, 3]) ** 2.0).dtype == "float32"
    assert (2 ** _core.tensor([0, 10])).tolist() == [1, 1024]
    np.testing.assert_allclose((x**0.3)[[0, 2]].numpy(), np.array([2.0, 0.5]) ** 0.3, rtol=1e-6)
    np.testing.assert_allclose((2.0**x).numpy(), [4.0, 0.125, 2**0.5], rtol=1e-6)
    np.testing.assert_allclose((_core.abs(x) ** x).numpy(), [4.0, 3.0**-3, 0.5**0.5], rtol=1e-6)
    assert abs(x).tolist() == [2.0, 3.0, 0.5]


EXPONENTS = (-3, -2, -1, -1.0, -0.5, 0, 0.5, True, 1, 1.0, 2, 2.0, 3, 3.0, 4, 2.5, 7)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_one_rule_for_powers(dtype):
    """`**`, the method and the function agree to the bit, in dtype and in derivative."""
    given = np.random.default_rng(0).uniform(1.2, 9, 1000).astype(dtype)
    for n in EXPONENTS:
        x = _core.tensor(given, requires_grad="float" in dtype)
        ways = [x.__pow__, x.pow, lambda n, x=x: bs.pow(x, n), lambda n, x=x: bs.pow(input=x, exponent=n)]
        ways += [
            lambda n, x=x: x.pow(exponent=n),
            lambda n: bs.pow(given, n),
            lambda n, x=x: bs.pow(x, exponent=n),
        ]
        if n < 0 and not isinstance(n, float) and "float" not in dtype:
            for way in ways:
                with pytest.raises(ValueError, match=r"^\[pow\] integers to a negative power"):
                    way(n)
            continue
        outs = [way(n) for way in ways]
        for out in outs:
            assert out.dtype == outs[0].dtype
            np.testing.assert_array_equal(out.numpy(), outs[0].numpy(), strict=True)
        want = np.power(given.astype(np.float64), n)
        np.testing.assert_allclose(outs[0].numpy(), want, rtol=1e-6)
        if x.requires_grad:
            assert all(out.requires_grad for i, out in enumerate(outs) if i != 5)
            slopes = [bs.grad(out.sum(), x).numpy() for i, out in enumerate(outs) if i != 5]
            for d in slopes:
                np.testing.assert_array_equal(d, slopes[0])


def test_errors_of_pow_called_wrongly():
    x = _core.ones(2)
    for call, text in [
        (lambda: bs.pow(x), r"^\[pow\] missing argument 'exponent'"),
        (lambda: bs.pow(2, x=x), r"^\[pow\] got two values for 'input'"),
        (lambda: bs.pow(None, 2), r"^\[pow\] input is a tensor, not None"),
        (lambda: x.pow(z=2), r"^\[pow\] there is no argument 'z'"),
        (lambda: bs.pow("a", 2), r"^\[pow\] input"),
    ]:
        with pytest.raises(TypeError, match=text):
            call()
    assert bs.pow(3, bs.tensor(2)).tolist() == 9


@pytest.mark.parametrize("of", [lambda p: p**1, lambda p: p.pow(1), lambda p: bs.pow(p, 1.0)])
def test_first_power_of_a_parameter_is_its_value(of):
    p = bs.Parameter(_core.tensor([1.0, 2.0]))
    value = of(p)
    assert type(value) is bs.Tensor
    np.testing.assert_array_equal(bs.grad((value * value).sum(), p).numpy(), [2.0, 4.0])
    p.assign(_core.tensor([5.0, 6.0]))
    assert value.tolist() == [1.0, 2.0]


def test_a_whole_slice_is_a_tensor_of_its_own():
    a = _core.tensor([1.0, 2.0])
    for b in (a[:], a.view(2)):
        b.requires_grad_()
        assert not a.requires_grad


def test_where_as_a_method_chooses_self():
    x, other = _core.tensor([1.0, 2.0, 3.0]), _core.tensor([-1.0, -2.0, -3.0])
    x.requires_grad_()
    mask = _core.tensor([True, False, True])
    assert x.where(mask, other).tolist() == [1, -2, 3]
    assert x.where(condition=mask, other=0).tolist() == [1, 0, 3]
    assert x.where(mask, other).tolist() == _core.where(mask, x, other).tolist()
    x.where(mask, other).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [1, 0, 1]
    assert bs.compile(lambda t: t.where(mask, 5.0))(x).tolist() == [1, 5, 3]
    with pytest.raises(TypeError, match=r"^\[where\] missing argument 'other'"):
        x.where(mask)
    with pytest.raises(_core.DTypeError, match=r"^\[where\] the condition is float32"):
        x.where(other, x)
