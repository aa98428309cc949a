"""What to say of PyTorch's names that are not there: why, and what to do. Python names what is near."""

from __future__ import annotations

import re

__all__ = ["absent"]

_LAYERS = (
    (
        r"^fractional_?max",
        "windows of random sizes are not there: max_pool2d, or adaptive_max_pool2d for a number of outputs",
    ),
    (
        r"[123]d$",
        "layers of images and signals are not there yet",
    ),
    (
        r"rnn|lstm|gru",
        "recurrent layers are not there yet: a loop over x.unbind(1) with nn.Linear is one, and inside "
        "bs.compile one program",
    ),
    (
        r"transformer|multihead|attention",
        "attention is not there yet as a layer: softmax(q @ k.mT / d ** 0.5, -1) @ v is it",
    ),
)
_REASONS = {
    "backsweep": (
        (
            r"^(fx|_dynamo|_inductor|export|package)$",
            "there is no graph of Python code to rewrite: bs.compile(fn) makes a program, and .program(*args)"
            ".text shows it",
        ),
        (r"^onnx$", "models are not exported: bs.save(model.state_dict(), path) writes safetensors"),
        (r"^hub$", "nothing is fetched from the net: bs.load(path) reads a file that is there"),
        (
            r"^profiler$",
            "Python's profilers see eager ops; a compiled function's .program(*args).text shows its phases",
        ),
        (r"^(sparse|sparse_\w+|to_sparse\w*)$", "tensors are dense"),
        (r"^(quantization|ao|quantize\w*|quint8|qint8|qint32)$", "nothing is quantized"),
        (r"^(complex\w*|cfloat|cdouble|chalf|fft|view_as_(real|complex)|polar)$", "no number is complex"),
        *_LAYERS,
    ),
    "backsweep.nn": _LAYERS,
    "backsweep.nn.functional": _LAYERS,
}


def absent(module: str, name: str) -> AttributeError:
    """Give the error of whoever asks a module of the package for what it has not."""
    text = f"module {module!r} has no attribute {name!r}"
    if not name.startswith("__"):
        for pattern, reason in _REASONS.get(module, ()):
            if re.search(pattern, name.lower()):
                return AttributeError(f"{text}: {reason}")
    return AttributeError(text)
