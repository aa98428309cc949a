"""Optimizers: they change parameters by their gradients, eagerly and inside compiled steps alike."""

from backsweep.optim import lr_scheduler, swa_utils
from backsweep.optim.adam import Adam, AdamW
from backsweep.optim.lbfgs import LBFGS
from backsweep.optim.optimizer import Optimizer, ParamGroup
from backsweep.optim.sgd import SGD

__all__ = ["LBFGS", "SGD", "Adam", "AdamW", "Optimizer", "ParamGroup", "lr_scheduler", "swa_utils"]
