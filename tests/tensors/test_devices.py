"""Words for devices: taken for what they are on a CPU, refused with a sentence where they ask for more."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import backsweep as bs
from backsweep import nn


def test_the_usual_lines_of_a_program() -> None:
    device = bs.device("cuda" if bs.cuda.is_available() else "cpu")
    bs.cuda.manual_seed(1)
    bs.cuda.manual_seed_all(1)
    bs.backends.cudnn.deterministic = True
    bs.backends.cudnn.benchmark = False
    model = nn.Linear(3, 2).to(device)
    x = bs.randn(4, 3, device=device).to(device, non_blocking=True)
    loss = model(x).sum()
    assert loss.device == device == bs.device("cpu")
    assert loss.cpu() is loss
    bs.cuda.empty_cache()
    assert bs.cuda.device_count() == bs.cuda.memory_allocated() == 0
    assert not bs.backends.mps.is_available()
    assert not bs.accelerator.is_available()
    assert bs.accelerator.current_accelerator() is None
    with bs.accelerator.device_index(None):
        pass
    for ask in (
        bs.accelerator.current_device_index,
        bs.accelerator.synchronize,
        lambda: bs.accelerator.set_device_index(0),
        bs.accelerator.device_index(0).__enter__,
    ):
        with pytest.raises(RuntimeError, match="there is no accelerator"):
            ask()
    with pytest.raises(bs.OutOfMemoryError):
        bs.empty(2**46)
    assert (x.is_cuda, x.is_cpu, x.is_mps, x.is_sparse, x.get_device()) == (False, True, False, False, -1)
    import backsweep.backends.cudnn as cudnn

    assert cudnn.version() is None


def test_device_is_pytorchs() -> None:
    assert repr(bs.device("cpu")) == "device(type='cpu')"
    assert repr(bs.device("cuda", 1)) == "device(type='cuda', index=1)"
    assert str(bs.device("cuda:1")) == "cuda:1"
    assert bs.device("cuda:1") == bs.device("cuda", 1) == bs.device(1)
    assert bs.device(bs.device("cpu")) == bs.device(type="cpu") != "cpu"
    assert len({bs.device("cpu"), bs.device("cpu"), bs.device("mps")}) == 2
    assert copy.deepcopy(bs.device("cuda:1")) == pickle.loads(pickle.dumps(bs.device("cuda:1")))
    assert (bs.device("cpu").type, bs.device("cpu").index) == ("cpu", None)
    assert bs.get_default_device() == bs.device("cpu")
    bs.set_default_device("cpu")
    with bs.device("cpu"):
        assert bs.zeros(2).device.type == "cpu"
    with pytest.raises(RuntimeError, match="no device 'gpu'"):
        bs.device("gpu")
    with pytest.raises(AttributeError):
        bs.device("cpu").type = "cuda"


@pytest.mark.parametrize(
    "make",
    [
        lambda d: bs.zeros(2, device=d),
        lambda d: bs.ones(2, device=d),
        lambda d: bs.empty(2, device=d),
        lambda d: bs.full((2,), 1.0, device=d),
        lambda d: bs.zeros_like(bs.ones(2), device=d),
        lambda d: bs.arange(3, device=d),
        lambda d: bs.linspace(0, 1, 3, device=d),
        lambda d: bs.eye(2, device=d),
        lambda d: bs.tensor([1.0], device=d),
        lambda d: bs.as_tensor([1.0], device=d),
        lambda d: bs.asarray([1.0], device=d),
        lambda d: bs.rand(2, device=d),
        lambda d: bs.randn(2, device=d),
        lambda d: bs.randint(3, (2,), device=d),
        lambda d: bs.randperm(3, device=d),
        lambda d: bs.normal(0.0, 1.0, (2,), device=d),
        lambda d: bs.ones(2).new_zeros(2, device=d),
        lambda d: bs.FloatTensor([1.0], device=d),
        lambda d: bs.Tensor([1.0], device=d),
        lambda d: bs.ones(2).to(d),
        lambda d: bs.ones(2).to(device=d),
        lambda d: bs.ones(2).to(d, bs.float64),
        lambda d: nn.Linear(2, 2).to(d).weight.detach(),
        lambda d: nn.Linear(2, 2).to(device=d).weight.detach(),
    ],
)
def test_device_arguments(make: Callable[[Any], bs.Tensor]) -> None:
    for place in (None, "cpu", "cpu:0", bs.device("cpu")):
        assert isinstance(make(place), bs.Tensor)
    for place in ("cuda", "cuda:0", bs.device("mps"), 0):
        with pytest.raises(RuntimeError, match=r"there is only \"cpu\".*cuda.is_available"):
            make(place)
    with pytest.raises((RuntimeError, TypeError), match=r"no device|dtype|device"):
        make("nowhere")


@pytest.mark.parametrize(
    "call",
    [
        lambda: bs.ones(2).cuda(),
        lambda: nn.Linear(2, 2).cuda(),
        lambda: bs.cuda.set_device(0),
        lambda: bs.cuda.synchronize(),
        lambda: bs.cuda.current_device(),
        lambda: bs.cuda.get_device_name(0),
        lambda: bs.cuda.FloatTensor([1.0]),
        lambda: bs.ones(2).type("torch.cuda.FloatTensor"),
    ],
)
def test_what_needs_a_gpu_says_so(call: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError, match="there is no GPU"):
        call()


def test_to_in_all_forms() -> None:
    x = bs.ones(2, 3, requires_grad=True)
    assert x.to(bs.float32) is x
    assert x.to("cpu") is x
    assert x.to(bs.float64).dtype == bs.float64
    assert x.to("cpu", bs.float64, True).dtype == bs.float64
    assert x.to(dtype=bs.float64).dtype == bs.float64
    assert x.to(device="cpu", dtype=bs.int32).dtype == bs.int32
    assert x.to(bs.zeros(1, dtype=bs.float16)).dtype == bs.float16
    assert x.to(other=bs.zeros(1, dtype=bs.float16)).dtype == bs.float16
    assert x.to(bs.float32, non_blocking=True) is x
    assert x.to(float).dtype == bs.float64
    assert x.to(memory_format=bs.preserve_format) is x
    twin = x.to(bs.float32, copy=True)
    assert twin is not x
    assert x.to("cpu", copy=True) is not x
    (twin * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[2.0] * 3] * 2
    y = bs.zeros(2)
    z = y.to(bs.float32, copy=True)
    z += 1
    assert y.tolist() == [0, 0]
    for wrong in (3.0, [1]):
        with pytest.raises(TypeError, match=r"\[to\]"):
            x.to(wrong)


def test_modules_become_other_dtypes() -> None:
    model = nn.Linear(2, 2)
    weight = model.weight
    assert model.to("cpu", bs.float64).weight is weight
    assert weight.dtype == bs.float64
    assert model.to(bs.zeros(1)).weight.dtype == bs.float32
    assert model.half().weight.dtype == bs.float16
    assert model.bfloat16().weight.dtype == bs.bfloat16
    assert model.type(bs.DoubleTensor).weight.dtype == bs.float64
    assert model.cpu() is model
    with pytest.raises(TypeError, match="floating-point"):
        model.to(bs.int64)
