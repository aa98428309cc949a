"""Writes the files of tests/interop/files with an old PyTorch: python write_torch_files.py FOLDER.

Its README says which PyTorch. What is in them is stated by test_written_files.py once more.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]


def numbers(*shape: int, start: int = 0, dtype: Any = torch.float32) -> Any:
    """Give quarters, which every dtype of floats holds; whole numbers and not below 0, of the others."""
    whole = torch.arange(start, start + int(np.prod(shape))) % 13
    return ((whole - 6) / 4 if dtype.is_floating_point else whole).reshape(shape).to(dtype)


def fill(model: Any) -> Any:
    with torch.no_grad():
        for place, tensor in enumerate([*model.parameters(), *model.buffers()]):
            tensor.copy_(numbers(*tensor.shape, start=place, dtype=tensor.dtype))
    return model


def network() -> Any:
    return fill(
        nn.Sequential(OrderedDict(first=nn.Linear(3, 4), norm=nn.BatchNorm1d(4), last=nn.Linear(4, 1)))
    )


def checkpoint() -> dict[str, Any]:
    model = fill(nn.Linear(3, 1))
    groups = [{"params": [model.weight]}, {"params": [model.bias], "lr": 0.5}]
    optimizer = torch.optim.Adam(groups, lr=0.25, weight_decay=0.125)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
    for step in range(3):
        for p in model.parameters():
            p.grad = numbers(*p.shape, start=step)
        optimizer.step()
        schedule.step()
    return {
        "epoch": 3,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "best": 0.1,
        "losses": [1.5, float("inf")],
        "options": {"name": "ä", "sizes": (3, 2), "flags": {"a", "b"}, "none": None, "yes": True},
        "seen": Counter("aab"),
        "rows": defaultdict(list, a=[1]),
        "order": np.arange(6).reshape(2, 3).T,
        "numpy": np.float64(0.5),
        "shape": torch.Size([2, 3]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "rng": torch.arange(5, dtype=torch.uint8),
    }


def dtypes() -> dict[str, Any]:
    return {name: numbers(5, dtype=getattr(torch, name)) for name in DTYPES}


def layouts() -> dict[str, Any]:
    base = numbers(4, 6)
    leaf = numbers(3).requires_grad_()
    return {
        "base": base,
        "turned": base.t(),
        "steps": base[1::2, 1::3],
        "diagonal": base.diagonal(),
        "expanded": base[:, :1].expand(4, 3),
        "row": base[2],
        "element": base[3, 5],
        "permuted": numbers(2, 3, 4).permute(2, 0, 1),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0),
        "hollow": torch.zeros(2, 0, 3),
        "leaf": leaf,
        "computed": leaf * 2,
        "parameter": nn.Parameter(base),
        "frozen": nn.Parameter(torch.arange(3), requires_grad=False),
        "tied": [base, base],
    }


def main() -> None:
    folder = Path(sys.argv[1])
    state = network().state_dict()
    made = {"state": state, "checkpoint": checkpoint(), "dtypes": dtypes(), "layouts": layouts()}
    for name, value in made.items():
        torch.save(value, folder / f"{name}.pt")
        torch.save(value, folder / f"{name}-legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(state, folder / "state-protocol4.pt", pickle_protocol=4)


if __name__ == "__main__":
    main()
