"""Hooks of every module, under the names of `torch.nn.modules.module`.

They come before the hooks of the module itself. Meant for debugging and profiling: each call of any module
pays for them while they are there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backsweep.nn._hooks import Hook, RemovableHandle, register_everywhere
from backsweep.nn.module import Module

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
]


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before each call of any module; see `Module.register_forward_pre_hook`."""
    return register_everywhere("forward_pre", Hook(hook))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after each call of any module; see `Module.register_forward_hook`."""
    return register_everywhere("forward", Hook(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` before the derivatives of any module's call."""
    return register_everywhere("backward_pre", Hook(hook))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when the derivatives of any module's call are computed."""
    return register_everywhere("backward", Hook(hook))


register_module_backward_hook = register_module_full_backward_hook
