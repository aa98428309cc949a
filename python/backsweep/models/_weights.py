"""What networks with published weights are asked for, and how their weights begin."""

from __future__ import annotations

from typing import Any

from backsweep.nn import BatchNorm2d, Conv2d, GroupNorm, Linear, Module, init

__all__ = ["begin", "no_weights"]


def no_weights(name: str, weights: Any, arguments: dict[str, Any]) -> None:
    """Raise if trained weights are asked for, by torchvision's new or old argument, which is taken away."""
    if weights is not None or arguments.pop("pretrained", False):
        raise ValueError(
            f"[{name}] no trained weights come with the package: save those of torchvision, "
            f"torch.save({name}(weights=...).state_dict(), path), and load them, "
            "model.load_state_dict(bs.load(path)): keys and shapes are the same"
        )


def begin(model: Module, deviation: float | None = None) -> None:
    """Draw the weights as torchvision does: convolutions for ReLU, norms as the identity.

    Linear layers are normal with a deviation, or as they are. Source: He et al. (2015), Delving Deep into
    Rectifiers, https://arxiv.org/abs/1502.01852.
    """
    for module in model.modules():
        if isinstance(module, Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, (BatchNorm2d, GroupNorm)) and module.weight is not None:
            init.ones_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, Linear) and deviation is not None:
            init.normal_(module.weight, 0.0, deviation)
            if module.bias is not None:
                init.zeros_(module.bias)
