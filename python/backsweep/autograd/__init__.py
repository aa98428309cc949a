"""Derivatives, as `torch.autograd`: sweeps, functions with derivatives of one's own, checks."""

from backsweep._core import Node, enable_grad, no_grad
from backsweep.autograd import forward_ad, functional, graph
from backsweep.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from backsweep.autograd.function import Function
from backsweep.autograd.grad_mode import inference_mode, set_grad_enabled
from backsweep.autograd.gradcheck import gradcheck, gradgradcheck
from backsweep.autograd.sweep import backward, grad
from backsweep.autograd.variable import Variable

__all__ = [
    "Function",
    "Node",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
