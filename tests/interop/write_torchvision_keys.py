"""Writes tests/interop/files/resnet18.json by torchvision: python write_torchvision_keys.py FOLDER.

The keys of a ResNet-18's state_dict in their order, each with its dtype and shape.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torchvision import models


def main() -> None:
    state = models.resnet18().state_dict()
    lines = [
        f'  "{key}": ["{str(value.dtype).removeprefix("torch.")}", {list(value.shape)}]'
        for key, value in state.items()
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (Path(sys.argv[1]) / "resnet18.json").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
