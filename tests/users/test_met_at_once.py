"""What programs for PyTorch do before and around training: each works, or says what to do."""

from __future__ import annotations

import copy
import importlib
import warnings
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

X = np.random.default_rng(0).normal(size=(8, 3)).astype("f")
Y = np.random.default_rng(1).normal(size=(8, 1)).astype("f")


# ---- Gradient accumulation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_parts_add_up_inside_a_step(compiled: bool) -> None:
    def made() -> tuple[Any, Any]:
        bs.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        return model, bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    whole, opt = made()
    parts, part_opt = made()

    def step(x: bs.Tensor, y: bs.Tensor) -> None:
        part_opt.zero_grad()
        for a, b in zip(x.chunk(4), y.chunk(4), strict=True):
            (F.mse_loss(parts(a), b) / 4).backward()
        part_opt.step()

    run = bs.compile(step) if compiled else step
    for _ in range(3):
        opt.zero_grad()
        F.mse_loss(whole(bs.tensor(X)), bs.tensor(Y)).backward()
        opt.step()
        run(bs.tensor(X), bs.tensor(Y))
    for p, q in zip(whole.parameters(), parts.parameters(), strict=True):
        np.testing.assert_allclose(p.detach(), q.detach(), rtol=1e-5, atol=1e-6)


def test_gradients_that_wait_between_compiled_calls_are_refused() -> None:
    model = nn.Linear(3, 1)

    @bs.compile(keep_grads=True)
    def part(x: bs.Tensor, y: bs.Tensor) -> None:
        F.mse_loss(model(x), y).backward()

    part(bs.tensor(X), bs.tensor(Y))
    with pytest.raises(bs.GraphError, match=r"start the step with optimizer\.zero_grad"):
        part(bs.tensor(X), bs.tensor(Y))


def test_gradients_of_compiled_losses_add_up_between_calls() -> None:
    """As the refusal says: the loss is compiled, backward() and the step are outside."""
    models = [nn.Linear(3, 1), nn.Linear(3, 1)]
    models[1].load_state_dict(models[0].state_dict())
    opts = [bs.optim.Adam(model.parameters(), lr=0.1) for model in models]
    losses = [lambda x, y, m=model: F.mse_loss(m(x), y) for model in models]
    losses[1] = bs.compile(losses[1])
    for i in range(6):
        for opt, loss in zip(opts, losses, strict=True):
            loss(bs.tensor(X) * float(i + 1), bs.tensor(Y)).backward()
            if i % 3 == 2:
                opt.step()
                opt.zero_grad()
    for p, q in zip(models[0].parameters(), models[1].parameters(), strict=True):
        np.testing.assert_allclose(p.detach(), q.detach(), rtol=1e-6)


def test_the_old_name_of_retain_graph() -> None:
    x = bs.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match=r"no argument 'retain_variables' in .*retain_graph"):
        (x * x).sum().backward(retain_variables=True)  # type: ignore[call-arg]


# ---- Replicas and processes --------------------------------------------------------------------------------


def test_data_parallel() -> None:
    inner = nn.Linear(3, 2)
    model = nn.DataParallel(inner, device_ids=[0, 1])
    assert model.module is inner
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    np.testing.assert_array_equal(model(bs.tensor(X)).detach(), inner(bs.tensor(X)).detach())
    compiled = bs.compile(model)
    np.testing.assert_array_equal(compiled(bs.tensor(X)).detach(), inner(bs.tensor(X)).detach())
    same = nn.parallel.data_parallel(inner, bs.tensor(X))
    np.testing.assert_array_equal(same.detach(), inner(bs.tensor(X)).detach())
    with pytest.raises(TypeError, match="must be a Module"):
        nn.DataParallel(3)  # type: ignore[arg-type]


def test_other_processes() -> None:
    dist = bs.distributed
    assert not dist.is_available()
    assert not dist.is_initialized()
    assert not (dist.is_nccl_available() or dist.is_gloo_available() or dist.is_mpi_available())
    assert not dist.is_torchelastic_launched()
    calls: list[Any] = [
        lambda: dist.init_process_group("gloo", rank=0, world_size=1),
        dist.destroy_process_group,
        dist.get_rank,
        dist.get_world_size,
        dist.get_backend,
        dist.barrier,
        dist.new_group,
        lambda: dist.all_reduce(bs.ones(1), op=dist.ReduceOp.SUM),
        lambda: dist.reduce(bs.ones(1), 0),
        lambda: dist.broadcast(bs.ones(1), 0),
        lambda: dist.all_gather([], bs.ones(1)),
        lambda: dist.all_gather_object([], 1),
        lambda: dist.gather(bs.ones(1)),
        lambda: dist.scatter(bs.ones(1)),
        lambda: dist.send(bs.ones(1), 1),
        lambda: dist.recv(bs.ones(1)),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="there is one process: run the program without a launcher"):
            call()
    with pytest.raises(RuntimeError, match="use the module itself"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    assert not isinstance(nn.Linear(1, 1), nn.parallel.DistributedDataParallel)


def record(i: int, folder: str, values: bs.Tensor) -> None:
    if i == 2:
        raise ValueError("process 2 fails")
    bs.save({"x": values + i}, f"{folder}/{i}.safetensors")


def test_spawn(tmp_path: Any) -> None:
    mp = bs.multiprocessing
    assert mp.Process is importlib.import_module("multiprocessing").Process
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    assert mp.spawn(record, args=(str(tmp_path), bs.ones(2)), nprocs=2, start_method="fork") is None
    for i in range(2):
        np.testing.assert_array_equal(bs.load(str(tmp_path / f"{i}.safetensors"))["x"], [1.0 + i] * 2)
    context = mp.spawn(record, (str(tmp_path), bs.ones(2)), nprocs=3, join=False, start_method="fork")
    assert context is not None
    assert len(context.pids()) == 3
    with pytest.raises(RuntimeError, match="process 2 has ended with exit code 1"):
        context.join()


def test_memory_is_not_shared() -> None:
    assert not bs.ones(2).is_shared()
    for call in (bs.ones(2).share_memory_, nn.Linear(1, 1).share_memory):
        with pytest.raises(RuntimeError, match="processes share no memory"):
            call()


# ---- Mixed precision ---------------------------------------------------------------------------------------


def test_autocast_changes_nothing() -> None:
    model = nn.Linear(3, 1)
    want = np.asarray(model(bs.tensor(X)).detach())
    assert bs.autocast is bs.amp.autocast
    for block in (
        bs.autocast("cpu", dtype=bs.bfloat16),
        bs.autocast(device_type="cuda", enabled=False),
        bs.cpu.amp.autocast(),
        bs.cuda.amp.autocast(enabled=False),
    ):
        with block:
            assert not bs.is_autocast_enabled()
            assert not bs.is_autocast_cpu_enabled()
            y = model(bs.tensor(X))
        assert y.dtype == bs.float32
        np.testing.assert_array_equal(y.detach(), want)
        decorated = block(lambda: model(bs.tensor(X)))
        np.testing.assert_array_equal(decorated().detach(), want)
    for make in (lambda: bs.autocast("cuda", bs.float16), bs.cuda.amp.autocast):
        with pytest.warns(UserWarning, match="CUDA is not available") as seen:
            make()
        assert seen[0].filename == __file__
    assert not bs.amp.is_autocast_available("cpu")
    with pytest.raises(RuntimeError, match="no device 'gpu'"):
        bs.autocast("gpu")
    with pytest.raises(TypeError, match="device_type is None"):
        bs.autocast(None)  # type: ignore[arg-type]


def test_grad_scaler_hands_on() -> None:
    for make in (bs.amp.GradScaler, bs.cuda.amp.GradScaler, bs.GradScaler):
        with pytest.warns(UserWarning, match="CUDA is not available"):
            make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scalers: list[bs.GradScaler] = [
            bs.GradScaler("cpu"),
            bs.cpu.amp.GradScaler(),
            bs.cuda.amp.GradScaler(enabled=False),
            bs.GradScaler(device="cuda", enabled=False),
        ]
    for scaler in scalers:
        model = nn.Linear(3, 1)
        plain = copy.deepcopy(model)
        for net, scale in ((model, scaler), (plain, None)):
            opt = bs.optim.SGD(net.parameters(), lr=0.1)
            loss = F.mse_loss(net(bs.tensor(X)), bs.tensor(Y))
            opt.zero_grad()
            if scale is None:
                loss.backward()
                opt.step()
            else:
                scale.scale(loss).backward()
                scale.unscale_(opt)
                scale.step(opt)
                scale.update()
        np.testing.assert_array_equal(model.weight.detach(), plain.weight.detach())
        assert scaler.get_scale() == 1.0
        assert not scaler.is_enabled()
        assert scaler.state_dict() == {}
        scaler.load_state_dict({})
        scaler.set_growth_factor(3.0)
        scaler.set_backoff_factor(0.25)
        scaler.set_growth_interval(7)
        got = scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()
        assert got == (3.0, 0.25, 7)


def test_amp_functions() -> None:
    class Square(bs.autograd.Function):
        @staticmethod
        @bs.amp.custom_fwd(device_type="cpu")
        def forward(ctx: Any, x: bs.Tensor) -> bs.Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @bs.cuda.amp.custom_bwd
        def backward(ctx: Any, g: bs.Tensor) -> bs.Tensor:
            (x,) = ctx.saved_tensors
            return 2.0 * x * g  # type: ignore[no-any-return]

    x = bs.tensor([3.0], requires_grad=True)
    Square.apply(x).backward()
    assert x.grad is not None
    assert float(x.grad) == 6.0


def test_mixed_precision_in_a_compiled_step() -> None:
    model = nn.Linear(3, 1)
    opt = bs.optim.SGD(model.parameters(), lr=0.1)
    scaler = bs.GradScaler("cpu")

    @bs.compile
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        opt.zero_grad()
        with bs.autocast("cpu"):
            loss = F.mse_loss(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(opt)
        scaler.update()
        return loss.detach()

    losses = [float(step(bs.tensor(X), bs.tensor(Y))) for _ in range(5)]
    assert losses[4] < losses[0]


# ---- Switches and questions --------------------------------------------------------------------------------


def test_switches() -> None:
    assert not bs.are_deterministic_algorithms_enabled()
    bs.use_deterministic_algorithms(True, warn_only=True)
    assert bs.are_deterministic_algorithms_enabled()
    assert bs.is_deterministic_algorithms_warn_only_enabled()
    assert bs.get_deterministic_debug_mode() == 1
    bs.set_deterministic_debug_mode("error")
    assert bs.get_deterministic_debug_mode() == 2
    bs.set_deterministic_debug_mode(0)
    assert not bs.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="must be 0, 1 or 2"):
        bs.set_deterministic_debug_mode(3)
    bs.set_float32_matmul_precision("high")
    assert bs.get_float32_matmul_precision() == "high"
    bs.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match="precision"):
        bs.set_float32_matmul_precision("low")  # type: ignore[arg-type]
    bs.set_num_interop_threads(1)
    assert bs.get_num_interop_threads() == 1
    assert not bs.set_flush_denormal(True)
    before = bs.get_num_threads()
    bs.set_num_threads(1)
    assert bs.get_num_threads() == 1
    bs.set_num_threads(before)


def test_backends() -> None:
    bs.backends.cudnn.deterministic = True
    bs.backends.cudnn.benchmark = False
    with bs.backends.cudnn.flags(enabled=False), bs.backends.mkldnn.flags(enabled=False):
        assert not bs.backends.cudnn.is_available()
    assert not bs.backends.mkldnn.is_available()
    assert bs.backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "NEON", "DEFAULT")
    assert (bs.cpu.is_available(), bs.cpu.device_count(), bs.cpu.current_device()) == (True, 1, "cpu")
    bs.cpu.synchronize()
    assert bs.version.cuda is None
    assert bs.version.__version__ == bs.__version__


@pytest.mark.parametrize("options", [{"mode": "max-autotune"}, {"backend": "inductor"}, {"fullgraph": True}])
def test_options_of_compile(options: dict[str, Any]) -> None:
    f = bs.compile(lambda x: x * 2.0, dynamic=True, **options)
    np.testing.assert_array_equal(f(bs.ones(2)), [2.0, 2.0])


def test_scripts() -> None:
    jit = bs.jit
    assert not jit.is_scripting()
    assert not jit.is_tracing()
    assert jit.annotate(list[int], [1]) == [1]

    def f(x: bs.Tensor) -> bs.Tensor:
        return x

    assert jit.unused(f) is jit.export(f) is jit.ignore(f) is jit.ignore(drop=True)(f) is f
    for name in ("script", "script_method", "trace"):
        with pytest.raises(RuntimeError, match=rf"\[jit.{name}\].*bs.compile\(fn\)"):
            getattr(jit, name)(f)
    for name in ("save", "load"):
        with pytest.raises(RuntimeError, match=r"bs.save\(model.state_dict\(\), path\)"):
            jit.save(f, "x") if name == "save" else jit.load("x")


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        ("", "fx", "bs.compile"),
        ("", "onnx", "safetensors"),
        ("", "hub", "bs.load"),
        ("", "profiler", "program"),
        ("", "complex64", "no number is complex"),
        ("", "sparse_coo_tensor", "dense"),
        ("nn", "TransformerEncoderLayer", "softmax"),
        ("nn", "LSTM", "unbind"),
        ("nn", "FractionalMaxPool2d", "max_pool2d"),
        ("nn.functional", "fractional_max_pool2d", "max_pool2d"),
    ],
)
def test_what_is_absent_says_why(module: str, name: str, said: str) -> None:
    where = importlib.import_module(f"backsweep.{module}".rstrip("."))
    assert not hasattr(where, name), "it is there: take it out of _absent.py"
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': .*{said}"):
        getattr(where, name)


def test_numel() -> None:
    assert bs.numel(bs.ones(2, 3)) == 6


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match=r"^module 'backsweep' has no attribute 'zeroes'$"):
        bs.zeroes(3)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"^module 'backsweep\.nn' has no attribute 'Liner'$"):
        nn.Liner(3, 1)  # type: ignore[attr-defined]
    assert not hasattr(bs, "__path_of_nothing__")
