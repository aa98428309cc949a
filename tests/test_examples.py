"""The examples do what they claim, in small settings."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backsweep as bs

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Any]:
    """Load an example as a module; what it writes goes to an empty folder."""
    monkeypatch.chdir(tmp_path)

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def plot(tmp_path: Path) -> Path | None:
    """A file for the picture, where matplotlib is installed."""
    return tmp_path / "picture.png" if importlib.util.find_spec("matplotlib") else None


def check(plot: Path | None) -> None:
    if plot is not None:
        assert plot.read_bytes().startswith(b"\x89PNG")


def test_every_example_is_tested() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.glob("*.py") if f'example("{path.stem}")' not in source] == []


def test_logistic_regression(example: Callable[[str], Any], plot: Path | None) -> None:
    results = example("logistic_regression").main(samples=200, epochs=10, plot=plot)
    assert results["difference"] < 1e-10  # of the sweep and -Σ y x / (1 + exp(y wᵀx))
    assert results["accuracy"] > 0.85
    assert results["slope"] < 0.1
    check(plot)


def test_xor(example: Callable[[str], Any], plot: Path | None) -> None:
    one, stacked = example("xor").main(epochs=500, plot=plot).values()
    assert one[0] == pytest.approx(math.log(2), abs=1e-4)
    assert one[1] < 4
    assert stacked[0] < 0.05
    assert stacked[1] == 4
    check(plot)


def test_backpropagation(example: Callable[[str], Any]) -> None:
    assert example("backpropagation").main() < 1e-14


def test_vanishing_gradients(example: Callable[[str], Any], plot: Path | None) -> None:
    results = example("vanishing_gradients").main(depth=20, epochs=4, plot=plot)
    sigmoid, relu, skip = results.values()
    assert sigmoid[0] < 1e-6  # gradient of the first layer over that of the last
    assert 1e-2 < relu[0] < 1e2
    assert 1e-1 < skip[0] < 1e1
    assert sigmoid[1] < 0.2
    assert skip[1] > 0.9
    check(plot)


def test_digits(example: Callable[[str], Any], plot: Path | None) -> None:
    assert example("digits").main(epochs=8, plot=plot) > 0.95
    check(plot)


def test_own_unit(example: Callable[[str], Any]) -> None:
    module = example("own_unit")
    results = module.main(steps=1000)
    for name in ("Swish first", "NumpySwish first", "Swish second"):
        assert results[name] < 1e-8
    assert results["Swish loss"] < 0.01
    # The same unit, computed outside: the same training but for rounding.
    assert results["NumpySwish loss"] == pytest.approx(results["Swish loss"], rel=0.1)
    x = bs.tensor([0.5], requires_grad=True)
    slope = module.derivative(module.NumpySwish.apply, x).sum()
    with pytest.raises(bs.GraphError):  # a call-back has no second derivative
        bs.grad(slope, x)


def test_digits_cnn(example: Callable[[str], Any], plot: Path | None) -> None:
    module = example("digits_cnn")
    assert module.main(epochs=6, plot=plot) > 0.8
    check(plot)
    assert module.main(model="resnet", epochs=2, plot=plot) > 0.8
    check(plot)


def test_autoencoders(example: Callable[[str], Any], plot: Path | None) -> None:
    results = example("autoencoders").main(epochs=3, plot=plot)
    assert results["left"] < 0.5 * results["noise"]
    assert results["bound"] < 32 and results["test bound"] < 32
    check(plot)


def test_dcgan(example: Callable[[str], Any], plot: Path | None) -> None:
    results = example("dcgan").main(epochs=4, width=8, plot=plot)
    assert 0.3 < results["discriminator"] < 2 and 0.3 < results["generator"] < 4
    assert results["variety"] > 0.1 and abs(results["ink"]) < 0.6
    check(plot)
