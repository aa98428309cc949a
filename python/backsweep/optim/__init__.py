"""Optimizers: they change parameters by their gradients, eagerly and inside compiled steps alike."""

from backsweep.optim import lr_scheduler
from backsweep.optim.adam import Adam, AdamW
from backsweep.optim.optimizer import Optimizer, ParamGroup
from backsweep.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "ParamGroup", "lr_scheduler"]
