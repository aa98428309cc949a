"""Optimizers: they change parameters by their gradients, eagerly and inside compiled steps alike."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from backsweep._absent import absent
from backsweep.optim.adam import Adam, AdamW
from backsweep.optim.adaptive import Adadelta, Adagrad, RMSprop, Rprop
from backsweep.optim.moments import ASGD, Adamax, Lion, NAdam, RAdam
from backsweep.optim.optimizer import Optimizer, ParamGroup
from backsweep.optim.sgd import SGD

if TYPE_CHECKING:
    from backsweep.optim import lr_scheduler, swa_utils
    from backsweep.optim.lbfgs import LBFGS

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "ParamGroup",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]


if not TYPE_CHECKING:  # checkers of types know what is there

    def __getattr__(name: str) -> Any:
        if name in ("lr_scheduler", "swa_utils"):  # which cost time: not before they are read
            return import_module(f"backsweep.optim.{name}")
        if name == "LBFGS":
            return import_module("backsweep.optim.lbfgs").LBFGS
        raise absent("backsweep.optim", name)
