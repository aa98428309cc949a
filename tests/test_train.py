"""fit, predict, evaluate, Batches, summary."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import backsweep as bs
import backsweep.nn.functional as F
from backsweep import nn

rng = np.random.default_rng(0)
X = rng.standard_normal((200, 6)).astype(np.float32)
Y = (X[:, :3].argmax(1)).astype(np.int64)


def network(seed: int = 0) -> nn.Sequential:
    bs.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))


def weights(model: nn.Module) -> list[np.ndarray]:
    return [np.array(p.detach()) for p in model.parameters()]


def test_fit_learns() -> None:
    model = network()
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = bs.fit(
        model, X, Y, optimizer=optimizer, epochs=20, batch_size=16, validation=(X, Y), progress=False
    )
    assert set(history) == {"loss", "seconds", "val_loss", "val_accuracy"}
    assert {len(values) for values in history.values()} == {20}
    assert history["loss"][-1] < 0.3 < history["loss"][0]
    assert history["val_accuracy"][-1] > 0.9
    assert model.training


def test_fit_is_the_plain_loop() -> None:
    fitted, looped = network(), network()
    fitted[2].p = looped[2].p = 0.0
    optimizer = bs.optim.SGD(fitted.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    history = bs.fit(
        fitted, X, Y, optimizer=optimizer, epochs=2, batch_size=32, shuffle=False, progress=False
    )
    optimizer = bs.optim.SGD(looped.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    losses = []
    for _ in range(2):
        total = 0.0
        for x, y in bs.Batches(X, Y, batch_size=32):
            loss = F.cross_entropy(looped(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss) * len(x)
        losses.append(total / 200)
    for a, b in zip(weights(fitted), weights(looped), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-4)


def test_fit_repeats_with_the_seed() -> None:
    runs = []
    for _ in range(2):
        model = network(5)
        bs.fit(model, X, Y, epochs=2, progress=False)
        runs.append(weights(model))
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fit_shuffles_and_drops() -> None:
    seen: list[int] = []

    class Recorder(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            seen.extend(x[:, 0].astype(int).tolist())
            return x

        def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return grad

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(bs.zeros(1))

        def forward(self, x: bs.Tensor) -> Any:
            return Recorder()(x) * self.w

    rows = np.arange(10, dtype=np.float32)[:, None]
    options: dict[str, Any] = {"loss": "mse_loss", "batch_size": 4, "progress": False}
    bs.manual_seed(0)
    bs.fit(Model(), rows, rows, shuffle=False, **options)
    assert seen == list(range(10))
    seen.clear()
    bs.fit(Model(), rows, rows, epochs=2, **options)
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]
    assert seen[:10] != list(range(10))
    seen.clear()
    bs.fit(Model(), rows, rows, drop_last=True, **options)
    assert len(seen) == len(set(seen)) == 8


def test_fit_casts_and_takes_any_loss() -> None:
    model = nn.Linear(6, 1, dtype=bs.float64)
    y = X[:, :1]
    history = bs.fit(
        model, X, y, loss=lambda out, target: F.mse_loss(out, target) * 2, epochs=3, progress=False
    )
    assert history["loss"][-1] < history["loss"][0]
    assert model.weight.dtype == bs.float64
    images = (np.abs(X) * 100).astype(np.uint8)
    bs.fit(network(), images, Y.astype(np.int32), progress=False)
    binary = bs.fit(
        nn.Linear(6, 1),
        X,
        (y > 0).astype(int),
        loss="binary_cross_entropy_with_logits",
        validation=(X, y > 0),
        epochs=10,
        progress=False,
    )
    assert binary["val_accuracy"][-1] > 0.9
    signs = bs.fit(
        nn.Linear(6, 1),
        X,
        np.sign(y),
        loss="logistic_loss",
        validation=(X, np.sign(y)),
        epochs=10,
        progress=False,
    )
    np.testing.assert_allclose(signs["val_accuracy"][-1], binary["val_accuracy"][-1], atol=0.05)


def test_fit_compiles_once() -> None:
    captures: deque[tuple[int, ...]] = deque()

    class Model(nn.Linear):
        def forward(self, x: bs.Tensor) -> bs.Tensor:
            captures.append(x.shape)
            return super().forward(x)

    model = Model(6, 3)
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        bs.fit(model, X[:96], Y[:96], optimizer=optimizer, epochs=2, batch_size=32, progress=False)
    assert list(captures) == [(32, 6)]


def test_callbacks_and_learning_rates() -> None:
    model = network()
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1)
    seen: list[tuple[int, float]] = []

    def callback(epoch: int, record: Mapping[str, float]) -> bool:
        seen.append((epoch, record["loss"]))
        optimizer.param_groups[0]["lr"] = 0.0
        return epoch == 2

    history = bs.fit(model, X, Y, optimizer=optimizer, epochs=10, progress=False, callbacks=[callback])
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert [loss for _, loss in seen] == history["loss"]
    before = weights(model)
    bs.fit(model, X, Y, optimizer=optimizer, epochs=1, progress=False)
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_modes_are_restored() -> None:
    model = network()
    model[2].eval()
    bs.fit(model, X, Y, progress=False, validation=(X, Y))
    assert model.training
    assert not model[2].training
    bs.predict(model, X)
    assert model[0].training
    assert not model[2].training


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    bs.fit(network(), X, Y, epochs=2, validation=(X, Y))
    out, err = capsys.readouterr()
    assert out == ""
    assert "14/14" in err
    assert "val_accuracy" in err


class Counting(nn.Module):
    """Counts its steps in a buffer, which a step changes together with the parameters or not at all."""

    def __init__(self) -> None:
        super().__init__()
        bs.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
        self.register_buffer("steps", bs.zeros((), dtype=bs.int64))

    def forward(self, x: bs.Tensor) -> Any:
        self.steps = self.steps + 1
        return self.net(x)


def test_ctrl_c_stops_between_steps() -> None:
    model = Counting().eval()
    many = np.resize(X, (400_000, 6)), np.resize(Y, 400_000)  # whole batches, so that epochs join smoothly
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which background jobs ignore
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    start = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        bs.fit(model, *many, epochs=10**9, shuffle=False, progress=False)
    signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - start < 5
    assert not model.training
    k = int(model.steps)
    assert k > 0
    again = Counting()
    rows = 32 * k
    bs.fit(again, np.resize(X, (rows, 6)), np.resize(Y, rows), shuffle=False, progress=False)
    assert int(again.steps) == k
    for a, b in zip(weights(model), weights(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_predict_and_evaluate() -> None:
    model = network()
    want = np.asarray(model.eval()(bs.tensor(X)).detach())
    model.train()
    np.testing.assert_array_equal(bs.predict(model, X), want)
    np.testing.assert_array_equal(bs.predict(model, X, batch_size=7), want)
    result = bs.evaluate(model, X, Y)
    assert result["accuracy"] == pytest.approx((want.argmax(1) == Y).mean())
    assert result["loss"] == pytest.approx(float(F.cross_entropy(bs.tensor(want), bs.tensor(Y))))
    model[0].weight.fill_(0.0)
    assert not np.array_equal(bs.predict(model, X), want)  # the compiled pass reads the parameters anew


def test_errors() -> None:
    model = network()
    with pytest.raises(bs.ShapeError, match=r"\(200, 6\), y is \(199,\)"):
        bs.fit(model, X, Y[:-1])
    with pytest.raises(bs.ShapeError, match="at least one sample"):
        bs.fit(model, X[:0], Y[:0])
    with pytest.raises(bs.ShapeError, match=r"\[linear\] 0: input is \(32, 5\)"):
        bs.fit(model, X[:, :5], Y, progress=False)
    with pytest.raises(bs.ShapeError, match="mse_loss"):
        bs.fit(nn.Linear(6, 1), X, X[:, 0], loss="mse_loss", progress=False)
    with pytest.raises(bs.DTypeError, match="class numbers"):
        bs.fit(model, X, X[:, 0])
    with pytest.raises(bs.DTypeError, match="X is of NumPy's dtype <U1; it must be numbers"):
        bs.fit(model, np.full((200, 6), "a"), Y)
    with pytest.raises(ValueError, match="loss"):
        bs.fit(model, X, Y, loss="entropy")  # type: ignore[arg-type]
    for bad in ({"epochs": -1}, {"batch_size": 0}):
        with pytest.raises(ValueError, match="at least"):
            bs.fit(model, X, Y, **bad)  # type: ignore[arg-type]
    with pytest.raises(bs.ShapeError, match="predict"):
        bs.predict(model, X[:0])


def test_batches() -> None:
    bs.manual_seed(0)
    batches = bs.Batches(X, Y, batch_size=64, shuffle=True)
    assert len(batches) == 4
    first, second = ([y.tolist() for _, y in batches] for _ in range(2))
    assert [len(part) for part in first] == [64, 64, 64, 8]
    assert first != second
    assert sorted(label for part in first for label in part) == sorted(Y.tolist())
    for x, y in bs.Batches(bs.tensor(X), Y, batch_size=50, drop_last=True):
        assert x.dtype == bs.float32
        assert y.dtype == bs.int64
        np.testing.assert_array_equal(np.asarray(x)[:, :3].argmax(1), np.asarray(y))
    assert len(bs.Batches(X, batch_size=64, drop_last=True)) == 3
    with pytest.raises(bs.ShapeError, match="Batches"):
        bs.Batches(X, Y[:3])
    with pytest.raises(ValueError, match="batch_size"):
        bs.Batches(X, batch_size=0)


def test_summary() -> None:
    model = network()
    model[0].requires_grad_(False)
    table = bs.summary(model, (5, 6))
    assert table.parameters == 6 * 16 + 16 + 16 * 3 + 3
    assert table.trainable == 16 * 3 + 3
    assert [row.output_shape for row in table.rows] == ["(5, 3)", "(5, 16)", "(5, 16)", "(5, 16)", "(5, 3)"]
    assert [row.path for row in table.rows] == ["", "0", "1", "2", "3"]
    assert "163 parameters, 51 of them trained" in str(table)
    assert model.training
    assert "forward" not in model[0].__dict__
    with pytest.raises(bs.ShapeError):
        bs.summary(model, (5, 7))
    assert "forward" not in model[0].__dict__
    assert bs.summary(model).rows[0].output_shape == ""


def test_wrong_arguments_of_fit() -> None:
    model = network()
    options: dict[str, Any]
    for options, error, text in (
        ({"optimizer": "sgd"}, TypeError, "optimizer is str"),
        ({"loss": [1]}, ValueError, "loss is"),
        ({"validation": (X,)}, ValueError, "validation"),
        ({"batch_size": 32.0}, TypeError, "batch_size is 32.0"),
        ({"epochs": "2"}, TypeError, "epochs is '2'"),
        ({"batch_size": 201, "drop_last": True}, ValueError, "leaves no batch"),
        ({"optimizer": bs.optim.SGD(network().parameters())}, ValueError, "none of the model's parameters"),
    ):
        with pytest.raises(error, match=rf"^\[fit\] .*{text}"):
            bs.fit(model, X, Y, progress=False, **options)
    with pytest.raises(TypeError, match=r"^\[fit\] model is function"):
        bs.fit(lambda x: x, X, Y)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match=r"^\[predict\] model is function"):
        bs.predict(lambda x: x, X)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match=r"^\[predict\] batch_size"):
        bs.predict(model, X, 2.5)  # type: ignore[arg-type]
    for size in (np.int64(32), 10**30):
        bs.fit(model, X, Y, batch_size=size, progress=False)


@pytest.mark.parametrize(
    ("result", "epochs"), [(True, 1), (np.True_, 1), (1, 3), (X, 3), (None, 3), ("no", 3)]
)
def test_only_true_stops(result: object, epochs: int) -> None:
    history = bs.fit(network(), X, Y, epochs=3, callbacks=[lambda epoch, record: result], progress=False)
    assert len(history["loss"]) == epochs


@pytest.mark.parametrize(
    ("loss", "labels", "fix"),
    [
        ("logistic_loss", [0, 1], r"2 \* y - 1"),
        ("logistic_loss", [-1, 2], r"2 \* y - 1"),
        ("logistic_loss", [np.nan, 1], r"2 \* y - 1"),
        ("binary_cross_entropy_with_logits", [-1, 1], r"\(y \+ 1\) / 2"),
        ("binary_cross_entropy_with_logits", [0, np.nan], r"\(y \+ 1\) / 2"),
    ],
)
def test_labels_of_another_loss_are_refused(loss: Any, labels: list[float], fix: str) -> None:
    model, y = nn.Linear(6, 1), np.resize(labels, (200, 1))
    with pytest.raises(ValueError, match=rf"^\[fit\] {loss}.*{fix}"):
        bs.fit(model, X, y, loss=loss, progress=False)
    with pytest.raises(ValueError, match=rf"^\[evaluate\] {loss}.*{fix}"):
        bs.evaluate(model, X, y, loss=loss)


def test_ignored_samples_count_in_no_accuracy() -> None:
    model = network()
    right = bs.predict(model, X).argmax(1)
    right[100:] = -100
    assert bs.evaluate(model, X, right)["accuracy"] == 1.0
    assert np.isnan(bs.evaluate(model, X, np.full(200, -100))["accuracy"])


def test_predict_wants_a_row_for_each_sample() -> None:
    class Model(nn.Module):
        def __init__(self, forward: Any) -> None:
            super().__init__()
            self.function = forward

        def forward(self, x: bs.Tensor) -> Any:
            return self.function(x)

    for function in (bs.sum, lambda x: bs.sum(x, 0), lambda x: (x, x)):
        with pytest.raises(bs.ShapeError, match=r"^\[predict\] the model gives"):
            bs.predict(Model(function), X)
    with pytest.raises(bs.ShapeError, match=r"^\[predict\] X is \(\)"):
        bs.predict(network(), 3.0)


def test_an_epoch_that_fails_at_once_leaves_gradients() -> None:
    model = nn.Linear(2, 3)
    F.cross_entropy(model(bs.ones(4, 2)), bs.tensor([0, 1, 2, 0])).backward()
    before = np.array(model.weight.grad)
    with pytest.raises(IndexError, match="7"):
        bs.fit(model, np.ones((8, 2), np.float32), np.full(8, 7), batch_size=4, progress=False)
    np.testing.assert_array_equal(np.asarray(model.weight.grad), before)


def test_the_dtype_of_a_model_in_training_may_not_change() -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)).to(bs.float64)
    x, y = np.ones((100_000, 64)), np.zeros(100_000, np.int64)
    errors: list[Exception] = []

    def train() -> None:
        try:
            bs.fit(model, x, y, epochs=1000, batch_size=16, progress=False)
        except (bs.GraphError, bs.DTypeError) as error:  # between two steps, or between two epochs
            errors.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    time.sleep(0.3)
    model.to(bs.float32)
    thread.join()
    assert "float" in str(errors[0])
    for p in model.parameters():
        assert p.dtype == bs.float32
        assert np.all(np.isfinite(np.asarray(p.detach())))


def test_zero_grad_of_frozen_parameters() -> None:
    for make in (lambda m: m.zero_grad, lambda m: bs.optim.SGD(m.parameters(), lr=0.1).zero_grad):
        model = network()
        model[0].weight.requires_grad = False
        make(model)(set_to_none=False)
        assert model[0].weight.grad is None
        np.testing.assert_array_equal(np.asarray(model[0].bias.grad), 0)


class Scaled(bs.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.scale = bs.nn.Linear(2, 2), 1.0

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return self.layer(x) * self.scale


def test_attributes_of_the_model_and_of_the_loss_are_never_stale() -> None:
    X, y = np.ones((4, 2), np.float32), np.zeros(4, np.int64)
    model, weight = Scaled(), 1.0

    def loss(output: bs.Tensor, target: bs.Tensor) -> bs.Tensor:
        return bs.nn.functional.cross_entropy(output, target) * weight

    def lost() -> float:
        optimizer = bs.optim.SGD(model.parameters(), lr=0.0)
        return bs.fit(model, X, y, loss=loss, optimizer=optimizer, progress=False)["loss"][0]

    before, first = bs.predict(model, X), lost()
    model.scale, weight = 3.0, 2.0
    np.testing.assert_allclose(bs.predict(model, X), 3 * before, rtol=1e-6)
    second = float(loss(model(bs.tensor(X)), bs.tensor(y)))
    assert lost() == pytest.approx(second)
    assert lost() != pytest.approx(first)
    assert bs.evaluate(model, X, y, loss=loss)["loss"] == pytest.approx(second)


@pytest.mark.parametrize("leaves", [1, 3])
def test_without_compiling_the_bits_are_the_same(leaves: int) -> None:
    made = []
    for compile in (True, False):
        model = network()
        bs.manual_seed(5)
        optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        history = bs.fit(
            model,
            X,
            Y,
            optimizer=optimizer,
            epochs=2,
            batch_size=32,
            leaves=leaves,
            validation=(X, Y),
            progress=False,
            compile=compile,
        )
        del history["seconds"]
        made.append(
            (
                history,
                bs.predict(model, X, compile=compile).tobytes(),
                bs.evaluate(model, X, Y, compile=compile),
            )
        )
        made.append([w.tobytes() for w in weights(model)])
    assert made[0] == made[2] and made[1] == made[3]


def test_without_compiling_python_runs_at_each_step() -> None:
    class Reading(nn.Linear):
        calls = 0

        def forward(self, x: bs.Tensor) -> bs.Tensor:
            Reading.calls += 1
            y = super().forward(x)
            return y if float(y.detach().sum()) < 1e9 else y * 0.0

    model = Reading(6, 3)
    with pytest.raises(bs.GraphError, match=r"test_train\.py"):
        bs.fit(model, X, Y, progress=False)
    before = Reading.calls
    bs.fit(model, X, Y, batch_size=50, shuffle=False, drop_last=True, progress=False, compile=False)
    bs.predict(model, X, 100, compile=False)
    bs.evaluate(model, X, Y, batch_size=100, compile=False)
    assert Reading.calls == before + 4 + 2 + 2
    for call in (bs.fit, bs.evaluate):
        with pytest.raises(TypeError, match="compile"):
            call(model, X, Y, compile="no")
