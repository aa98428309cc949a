"""Layers, losses and what networks are made of, under PyTorch's names."""

from backsweep.nn import functional, init, utils
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

__all__ = [
    "ELU",
    "GELU",
    "BCEWithLogitsLoss",
    "Buffer",
    "CrossEntropyLoss",
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
    "utils",
]
