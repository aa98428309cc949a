"""The networks that bench/steps.py trains, in PyTorch's names (which are ours) and as functions for JAX."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class Network(Protocol):
    def module(self, nn: Any, functional: Any) -> Any:
        """Give the network as a Module of PyTorch or backsweep."""

    def function(self, jax: Any, rng: np.random.Generator) -> tuple[Any, Callable[[Any, Any], Any]]:
        """Give parameters and f(parameters, x) for JAX."""


def dense(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Any, Any]:
    weight = rng.standard_normal((inputs, outputs)) / math.sqrt(inputs)
    return weight.astype(np.float32), np.zeros(outputs, np.float32)


def kernels(rng: np.random.Generator, inputs: int, outputs: int, size: int) -> Any:
    shape = outputs, inputs, size, size
    return (rng.standard_normal(shape) / math.sqrt(inputs * size * size)).astype(np.float32)


@dataclass(frozen=True)
class Mlp:
    """Dense layers with an activation between them."""

    sizes: tuple[int, ...]
    activation: str = "relu"

    def module(self, nn: Any, functional: Any) -> Any:
        unit = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}[self.activation]
        layers = []
        for a, b in zip(self.sizes, self.sizes[1:], strict=False):
            layers += [nn.Linear(a, b), unit()]
        return nn.Sequential(*layers[:-1])

    def function(self, jax: Any, rng: np.random.Generator) -> tuple[Any, Callable[[Any, Any], Any]]:
        unit = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jax.numpy.tanh}[self.activation]

        def apply(layers: Any, x: Any) -> Any:
            *inner, (weight, bias) = layers
            for w, b in inner:
                x = unit(x @ w + b)
            return x @ weight + bias

        return [dense(rng, a, b) for a, b in zip(self.sizes, self.sizes[1:], strict=False)], apply


@dataclass(frozen=True)
class ResMlp:
    """x + relu(W x + b), `depth` times, then a dense layer: many small operations."""

    width: int
    depth: int
    outputs: int

    def module(self, nn: Any, functional: Any) -> Any:
        width, depth, outputs = self.width, self.depth, self.outputs

        class Model(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.inner = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
                self.last = nn.Linear(width, outputs)

            def forward(self, x: Any) -> Any:
                for layer in self.inner:
                    x = x + functional.relu(layer(x))
                return self.last(x)

        return Model()

    def function(self, jax: Any, rng: np.random.Generator) -> tuple[Any, Callable[[Any, Any], Any]]:
        def apply(layers: Any, x: Any) -> Any:
            *inner, (weight, bias) = layers
            for w, b in inner:
                x = x + jax.nn.relu(x @ w + b)
            return x @ weight + bias

        sizes = [(self.width, self.width)] * self.depth + [(self.width, self.outputs)]
        return [dense(rng, *size) for size in sizes], apply


@dataclass(frozen=True)
class Cnn:
    """Two convolutions of 3x3, max pooling and two dense layers, over images of 28x28."""

    channels: tuple[int, int] = (32, 64)
    hidden: int = 128

    def module(self, nn: Any, functional: Any) -> Any:
        first, second = self.channels
        return nn.Sequential(
            *(nn.Conv2d(1, first, 3), nn.ReLU(), nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(second * 144, self.hidden), nn.ReLU(), nn.Linear(self.hidden, 10)),
        )

    def function(self, jax: Any, rng: np.random.Generator) -> tuple[Any, Callable[[Any, Any], Any]]:
        def apply(parameters: Any, x: Any) -> Any:
            *filters, (inner, inner_bias), (weight, bias) = parameters
            for w, b in filters:
                x = jax.nn.relu(jax.lax.conv(x, w, (1, 1), "VALID") + b[:, None, None])
            window = (1, 1, 2, 2)
            x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, window, window, "VALID")
            return jax.nn.relu(x.reshape(x.shape[0], -1) @ inner + inner_bias) @ weight + bias

        first, second = self.channels
        filters = [(kernels(rng, 1, first, 3), np.zeros(first, np.float32))]
        filters += [(kernels(rng, first, second, 3), np.zeros(second, np.float32))]
        return [*filters, dense(rng, second * 144, self.hidden), dense(rng, self.hidden, 10)], apply


@dataclass(frozen=True)
class ResNet:
    """Three residual blocks with batch norm, of 16, 32 and 64 channels. JAX's keeps no running statistics."""

    inputs: int = 3
    blocks: tuple[tuple[int, int, int], ...] = ((16, 16, 1), (16, 32, 2), (32, 64, 2))  # in, out, stride

    def module(self, nn: Any, functional: Any) -> Any:
        def unit(inputs: int, outputs: int, size: int, stride: int = 1) -> list[Any]:
            convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
            return [convolution, nn.BatchNorm2d(outputs)]

        class Block(nn.Module):  # type: ignore[misc]
            def __init__(self, inputs: int, outputs: int, stride: int) -> None:
                super().__init__()
                self.inner = nn.Sequential(
                    *unit(inputs, outputs, 3, stride), nn.ReLU(), *unit(outputs, outputs, 3)
                )
                self.beside = nn.Sequential(
                    *([nn.Conv2d(inputs, outputs, 1, stride, bias=False)] if stride > 1 else [])
                )

            def forward(self, x: Any) -> Any:
                return functional.relu(self.beside(x) + self.inner(x))

        last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.blocks[-1][1], 10)]
        return nn.Sequential(
            *unit(self.inputs, 16, 3), nn.ReLU(), *(Block(*block) for block in self.blocks), *last
        )

    def function(self, jax: Any, rng: np.random.Generator) -> tuple[Any, Callable[[Any, Any], Any]]:
        def unit(x: Any, parameters: Any, stride: int = 1) -> Any:
            w, scale, shift = parameters
            x = jax.lax.conv(x, w, (stride, stride), "SAME")
            mean, variance = (f(x, axis=(0, 2, 3), keepdims=True) for f in (jax.numpy.mean, jax.numpy.var))
            x = (x - mean) * jax.lax.rsqrt(variance + 1e-5)
            return x * scale[:, None, None] + shift[:, None, None]

        def apply(parameters: Any, x: Any) -> Any:
            first, blocks, (weight, bias) = parameters
            x = jax.nn.relu(unit(x, first))
            for (_, _, stride), (one, two, *beside) in zip(self.blocks, blocks, strict=True):
                inner = unit(jax.nn.relu(unit(x, one, stride)), two)
                for w in beside:
                    x = jax.lax.conv(x, w, (stride, stride), "SAME")
                x = jax.nn.relu(x + inner)
            return x.mean((2, 3)) @ weight + bias

        def made(inputs: int, outputs: int) -> Any:
            ones, zeros = np.ones(outputs, np.float32), np.zeros(outputs, np.float32)
            return kernels(rng, inputs, outputs, 3), ones, zeros

        blocks = [
            [made(a, b), made(b, b), *([kernels(rng, a, b, 1)] if stride > 1 else [])]
            for a, b, stride in self.blocks
        ]
        return [made(self.inputs, 16), blocks, dense(rng, self.blocks[-1][1], 10)], apply
