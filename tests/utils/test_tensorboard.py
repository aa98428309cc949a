"""Event files: what is written is read back, and a missing extra is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs


@pytest.fixture
def made(tmp_path: Path) -> Any:
    pytest.importorskip("tensorboardX")
    from backsweep.utils.tensorboard import SummaryWriter

    return SummaryWriter(tmp_path / "run")


def events(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    """By tags: the steps and values in a folder's files, its own folders' too."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[tuple[int, Any]]] = {}
    for path in sorted(folder.rglob("events.*")):
        data = path.read_bytes()
        while data:  # the length, its sum, the record, its sum
            n = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + n])
            data = data[16 + n :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


def test_numbers_and_tensors_are_written(made: Any) -> None:
    folder = Path(made.log_dir)
    assert made.get_logdir() == str(folder) and folder.name == "run"
    with made as writer:
        for step in range(3):
            writer.add_scalar("loss", bs.tensor(step / 2, requires_grad=True), step)
        writer.add_scalar("loss", 7, global_step=bs.tensor(3), walltime=1.0, new_style=True)
        writer.add_scalars("both", {"a": bs.tensor(1.0), "b": 2.0}, 4)
        writer.add_histogram("weights", bs.ones(5, requires_grad=True), 1)
        writer.add_histogram("half", bs.ones(5).to(bs.bfloat16))
        writer.add_image("picture", bs.rand(3, 4, 5), 1)
        writer.add_images("pictures", img_tensor=bs.rand(2, 3, 4, 5), dataformats="NCHW")
        writer.add_text("note", "layers", 2)
        writer.add_pr_curve("curve", bs.tensor([0, 1, 1]), bs.tensor([0.1, 0.8, 0.6]))
        writer.add_hparams(
            {"lr": 0.1, "name": "a", "on": True, "none": None}, {"acc": bs.tensor(0.5)}, run_name="h"
        )
        writer.flush()
    got = events(folder)
    assert [(step, value.simple_value) for step, value in got["loss"]] == [(0, 0), (1, 0.5), (2, 1), (3, 7)]
    assert sorted(value.simple_value for _, value in got["both"]) == [1, 2]
    assert got["weights"][0][1].histo.num == 5 and got["half"][0][1].histo.sum == 5
    picture = got["picture"][0][1].image
    assert (picture.height, picture.width, picture.colorspace) == (4, 5, 3)
    assert "note/text_summary" in got and "curve" in got and "pictures" in got
    assert [value.simple_value for _, value in got["acc"]] == [0.5]
    assert list(folder.glob("h/events.*"))


def test_figures(made: Any) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure = plt.figure()
    plt.plot(np.arange(3))
    with made as writer:
        writer.add_figure("figure", figure, 1)
    assert not plt.get_fignums()
    assert events(Path(made.log_dir))["figure"][0][1].image.width > 0


def test_what_is_refused(made: Any) -> None:
    with made as writer:
        with pytest.raises(RuntimeError, match=r"\[add_graph\].*bs\.summary"):
            writer.add_graph(bs.nn.Linear(2, 3), bs.ones(1, 2))
        with pytest.raises(ValueError, match="hparam_domain_discrete"):
            writer.add_hparams({}, {}, {"lr": [0.1]})
        with pytest.raises(AttributeError, match="add_nothing"):
            writer.add_nothing()
    made.close()  # again


def test_a_missing_package_is_named() -> None:
    """At the import, where programs look for it."""
    code = (
        "import sys; sys.modules['tensorboardX'] = None\n"
        "import backsweep as bs\n"
        "try: from backsweep.utils.tensorboard import SummaryWriter\n"
        "except ImportError as error: print(error)\n"
        "print(hasattr(bs.utils, 'tensorboard'))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = run.stdout.splitlines()
    assert "pip install 'backsweep[tensorboard]'" in said[0] and said[1] == "False"
