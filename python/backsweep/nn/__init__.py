"""Layers, losses and what networks are made of, under PyTorch's names."""

from typing import TYPE_CHECKING, Any

from backsweep._absent import absent
from backsweep.nn import functional, init, parallel, utils
from backsweep.nn.activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from backsweep.nn.container import ModuleDict, ModuleList, Sequential
from backsweep.nn.dropout import Dropout
from backsweep.nn.linear import Flatten, Identity, Linear
from backsweep.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, LogisticLoss, MSELoss
from backsweep.nn.module import Buffer, Module, Parameter
from backsweep.nn.normalization import LayerNorm
from backsweep.nn.parallel import DataParallel

__all__ = [
    "ELU",
    "GELU",
    "BCEWithLogitsLoss",
    "Buffer",
    "CrossEntropyLoss",
    "DataParallel",
    "Dropout",
    "Flatten",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "LogisticLoss",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "functional",
    "init",
    "parallel",
    "utils",
]


if not TYPE_CHECKING:  # checkers of types know what is there

    def __getattr__(name: str) -> Any:
        raise absent("backsweep.nn", name)
