"""What the data of fit and evaluate may hold: numbers that are not finite, ignored labels, frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from test_train import X, Y, network, weights


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_fit_says_where_a_number_is_not_finite(bad: float) -> None:
    broken = X.copy()
    broken[17, 4] = bad
    with pytest.raises(
        ValueError, match=r"^\[fit\] X\[17, 4\] is -?(nan|inf) as float32: the loss"
    ) as caught:
        bs.fit(network(), broken, Y, progress=False)
    assert "others" not in str(caught.value)
    broken[20:22] = bad
    with pytest.raises(ValueError, match=r"X\[17, 4\].*and so are 12 others"):
        bs.fit(network(), bs.tensor(broken), Y, progress=False)
    target = X[:, :3].copy()
    target[3, 2] = bad
    with pytest.raises(ValueError, match=r"^\[fit\] y\[3, 2\]"):
        bs.fit(network(), X, target, loss="mse_loss", progress=False)
    # A number that only the model's dtype cannot hold.
    with pytest.raises(ValueError, match=r"X\[5, 0\] is inf as float32"):
        bs.fit(
            network(),
            np.where(np.arange(200)[:, None] * [1] + [0] * 6 == 5, 1e300, X.astype(float)),
            Y,
            progress=False,
        )
    large = np.full_like(X, 3e38)  # their sum overflows, they do not
    bs.fit(network(), large, Y, epochs=0, progress=False)


def test_a_function_as_loss_may_know_what_nan_means() -> None:
    target = X[:, :3].copy()
    target[::2] = np.nan

    def masked(output: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        known = y == y
        return bs.sum(bs.where(known, output - bs.where(known, y, 0.0), 0.0).square()) / 100.0

    history = bs.fit(network(), X, target, loss=masked, progress=False)
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    "loss", ["cross_entropy", nn.CrossEntropyLoss(), nn.CrossEntropyLoss(ignore_index=7)]
)
def test_fit_leaves_out_ignored_labels(loss: Any) -> None:
    """Also where they would fill whole batches, whose loss is NaN."""
    ignored = 7 if isinstance(loss, nn.CrossEntropyLoss) and loss.ignore_index == 7 else -100
    labels = Y.copy()
    labels[64:160] = ignored
    models = [network(), network()]
    arguments: dict[str, Any] = {
        "loss": loss,
        "batch_size": 16,
        "epochs": 2,
        "shuffle": False,
        "progress": False,
    }
    got = bs.fit(models[0], X, labels, **arguments)
    kept = labels != ignored
    bs.manual_seed(0)
    models[1] = network()
    want = bs.fit(models[1], X[kept], labels[kept], **arguments)
    assert np.isfinite(got["loss"]).all() and got["loss"] == want["loss"]
    for p, q in zip(weights(models[0]), weights(models[1]), strict=True):
        np.testing.assert_array_equal(p, q)
    with pytest.raises(ValueError, match=rf"^\[fit\] all labels in y are {ignored}"):
        bs.fit(network(), X, np.full(200, ignored), loss=loss, progress=False)


@pytest.mark.parametrize(
    ("loss", "labels", "outputs"),
    [
        ("cross_entropy", [0, 0, 1, 1], [[np.nan, 0], [0, np.nan], [np.nan, np.nan], [0, 1]]),
        ("binary_cross_entropy_with_logits", [0.0, 0.0, 1.0, 1.0], [np.nan, np.nan, np.nan, 1]),
        ("logistic_loss", [-1.0, -1.0, 1.0, 1.0], [np.nan, np.nan, np.nan, 1]),
    ],
)
def test_scores_of_nan_are_never_right(loss: Any, labels: list[float], outputs: list[Any]) -> None:
    result = bs.evaluate(nn.Identity(), np.array(outputs, np.float32), np.array(labels), loss=loss)
    assert result["accuracy"] == 0.25


class Frame:
    """What of a data frame matters here: it becomes an array of objects, and names its columns."""

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = list(columns)
        self.values = np.array(list(columns.values()), object).T

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)


def test_columns_of_several_kinds() -> None:
    frame = Frame(age=[1.5, 2.5, 3.5], member=[True, False, np.True_], visits=[1, np.int64(2), 3])
    want = [[1.5, 1, 1], [2.5, 0, 2], [3.5, 1, 3]]
    np.testing.assert_array_equal(bs.predict(nn.Identity(), frame), want)
    text = Frame(age=[1.5, 2.5, 3.5], town=["Bonn", "Ulm", "Jena"])
    with pytest.raises(
        bs.DTypeError, match=r"X\[0, 1\] \(row 0, column 'town'\) is 'Bonn' \(str\), no number"
    ):
        bs.fit(nn.Linear(2, 1), text, [0, 0, 0], progress=False)
    missing = Frame(age=[1.5, None, 3.5], member=[True, False, True])
    with pytest.raises(bs.DTypeError, match=r"column 'age'.*is None.*missing"):
        bs.predict(nn.Identity(), missing)
    gap = Frame(age=[1.5, np.nan, 3.5], member=[True, False, True])
    with pytest.raises(ValueError, match=r"row 1, column 'age'\) is nan"):
        bs.fit(nn.Linear(2, 2), gap, [0, 1, 0], progress=False)


def test_batches_come_in_the_order_of_fit() -> None:
    """One seed, one order, whoever shuffles."""
    numbers = np.arange(50.0, dtype=np.float32)[:, None]
    seen: list[float] = []

    class Watch(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            seen.extend(x.ravel().tolist())
            return x

        def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return grad

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return self.layer(Watch()(x))

    model = Net()
    bs.manual_seed(5)
    bs.fit(model, numbers, numbers, loss="mse_loss", batch_size=7, epochs=2, progress=False)
    bs.manual_seed(5)
    batches = bs.Batches(numbers, batch_size=7, shuffle=True)
    assert seen == [v for _ in range(2) for (x,) in batches for v in x.numpy().ravel().tolist()]
