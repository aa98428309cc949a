"""Schedules of learning rates. They write ``group["lr"]``, which compiled steps read when they run."""

from backsweep.optim.lr_scheduler.base import LRScheduler, _LRScheduler
from backsweep.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from backsweep.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from backsweep.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from backsweep.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from backsweep.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "_LRScheduler",
]
