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
    from backsweep.optim.adafactor import Adafactor
    from backsweep.optim.lbfgs import LBFGS
    from backsweep.optim.muon import Muon
    from backsweep.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "ParamGroup",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]

_RARE = {"Adafactor": "adafactor", "LBFGS": "lbfgs", "Muon": "muon", "SparseAdam": "sparse_adam"}

if not TYPE_CHECKING:  # checkers of types know what is there

    def __getattr__(name: str) -> Any:
        if name in ("lr_scheduler", "swa_utils"):  # which cost time: not before they are read
            return import_module(f"backsweep.optim.{name}")
        if name in _RARE:
            return getattr(import_module(f"backsweep.optim.{_RARE[name]}"), name)
        raise absent("backsweep.optim", name)
