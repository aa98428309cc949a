"""The command line, in this process and in one of its own."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import backsweep as bs
from backsweep.__main__ import main
from backsweep._command import digits_network, images, network
from backsweep.datasets import load_digits


def test_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "digits.safetensors"
    arguments = [
        "train",
        "--epochs",
        "2",
        "--seed",
        "1",
        "--hidden",
        "32",
        "--output",
        str(path),
        "--no-progress",
    ]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert any(str(path) in line for line in lines[:-1])
    match = re.fullmatch(r"test accuracy: (\d\.\d{4})", lines[-1])
    assert match
    accuracy = float(match[1])
    assert 0.8 < accuracy <= 1.0
    model = digits_network(32)
    model.load_state_dict(bs.load(path))
    X, y = load_digits("test")
    assert (bs.predict(model, X / 16).argmax(1) == y).mean() == pytest.approx(accuracy, abs=1e-4)
    state = bs.load(path)
    assert main(arguments) == 0  # the seed repeats it to the bit
    for name, value in bs.load(path).items():
        np.testing.assert_array_equal(np.asarray(value), np.asarray(state[name]))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """The digits as IDX files, at 16 x 16 pixels."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, name in (("train", "train"), ("test", "t10k")):
        X, y = load_digits(part)  # type: ignore[arg-type]
        pixels = np.round(X * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8).repeat(2, 1).repeat(2, 2)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(pixels[:300]))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(y[:300].astype(np.uint8)))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    Image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name, colour in (("red", 0), ("blue", 2)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(16):
            pixels = rng.integers(0, 80, (9, 12, 3)).astype(np.uint8)
            pixels[..., colour] += 150
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet"])
@pytest.mark.parametrize("data", ["digits", "mnist", "photos"])
def test_models_on_data(
    model: str, data: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model"
    arguments = ["train", "--model", model, "--epochs", "2", "--output", str(path), "--no-progress"]
    if data != "digits":
        arguments += ["--data", str(request.getfixturevalue(data)), "--size", "8"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == "" and re.fullmatch(r"test accuracy: \d\.\d{4}", out.splitlines()[-1])
    assert float(out.split()[-1]) > {"digits": 0.2, "mnist": 0.05, "photos": 0.45}[data]
    read = images(None if data == "digits" else tmp_path / data, 8)
    network(model, read, 128).load_state_dict(bs.load(path))


def test_data_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*more: str) -> str:
        assert main(["train", "--output", str(tmp_path / "m"), "--no-progress", *more]) == 1
        return capsys.readouterr().err

    assert "there is no folder" in told("--data", str(tmp_path / "none"))
    assert "neither IDX files" in told("--data", str(tmp_path))
    (tmp_path / "one").mkdir()
    assert "no file that ends with" in told("--data", str(tmp_path))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"")
    assert "[MNIST] not found: " in told("--data", str(tmp_path))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"")
    assert "no IDX file" in told("--data", str(tmp_path))


def test_data_that_teaches_nothing(
    mnist: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(folder: Path, model: str = "mlp") -> str:
        output = str(tmp_path / "m")
        assert main(["train", "--output", output, "--model", model, "--data", str(folder)]) == 1
        err = capsys.readouterr().err
        assert err.startswith("backsweep: error: ") and err.count("\n") == 1
        return err

    labels = mnist / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.full(300, 3, np.uint8)))
    assert "images of one class for training" in told(mnist)
    for part, what in (("t10k", "for tests"), ("train", "for training")):
        (mnist / f"{part}-images-idx3-ubyte").write_bytes(idx(np.zeros((0, 16, 16), np.uint8)))
        (mnist / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.zeros(0, np.uint8)))
        assert f"no images {what}" in told(mnist)
    (mnist / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((300, 0, 16), np.uint8)))
    labels.write_bytes(idx((np.arange(300) % 10).astype(np.uint8)))
    assert "no images for training: they are (300, 1, 0, 16)" in told(mnist, "resnet")

    whole = (photos / "red" / "3.png").read_bytes()
    (photos / "red" / "3.png").write_bytes(b"no image")
    assert f"Pillow cannot read {photos / 'red' / '3.png'}: of no kind that it knows" in told(photos)
    (photos / "red" / "3.png").write_bytes(whole[:100])
    assert f"Pillow cannot read {photos / 'red' / '3.png'}: " in told(photos)
    for path in (photos / "blue").glob("[1-9]*.png"):
        path.unlink()
    (photos / "red" / "3.png").write_bytes(whole)
    for path in (photos / "red").glob("[1-9]*.png"):
        path.unlink()
    assert "has one image of 'blue'" in told(photos)
    (photos / "blue" / "0.png").unlink()
    (photos / "blue").rmdir()
    assert told(photos).endswith("give more, or a folder train and a folder test of such folders\n")
    for i in range(4):
        (photos / "red" / f"{i}.png").write_bytes(whole)
    assert "images of one class" in told(photos)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_data_as_torchvision_lays_it_out(name: str, mnist: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / name).mkdir(parents=True)
    mnist.rename(tmp_path / "data" / name / "raw")
    assert images(tmp_path / "data", 8).X.shape == (300, 1, 16, 16)


@pytest.mark.slow
def test_accuracy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accuracies = []
    for seed in range(5):
        assert main(["train", "--seed", str(seed), "--output", str(tmp_path / "m"), "--no-progress"]) == 0
        accuracies.append(float(capsys.readouterr().out.split()[-1]))
    assert np.mean(accuracies) >= 0.975


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert re.search(rf"^version +{re.escape(bs.__version__)}$", out, re.MULTILINE)
    assert re.search(r"^threads +\d+$", out, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["train", "--epochs", "0"],
        ["train", "--epochs", "many"],
        ["train", "--seed", "-1"],
        ["info", "x"],
    ],
    ids=" ".join,
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: backsweep" in capsys.readouterr().err


def test_no_folder_to_write_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--output", str(tmp_path / "none" / "m.safetensors")]) == 1
    assert "there is no folder" in capsys.readouterr().err
    assert main(["train", "--epochs", "1", "--no-progress", "--output", str(tmp_path)]) == 1
    assert "folder" in capsys.readouterr().err


def test_what_cannot_be_written_is_known_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bs, "fit", None)  # not called
    os.mkfifo(tmp_path / "fifo")
    assert main(["train", "--output", str(tmp_path / "fifo")]) == 1
    assert "not a regular file" in capsys.readouterr().err
    assert main(["train", "--output", str(tmp_path / ("x" * 300))]) == 1
    assert "cannot write the model" in capsys.readouterr().err
    for size in (10**13, 10**18, 10**30):
        assert main(["train", "--hidden", str(size), "--output", str(tmp_path / "m")]) == 1
        assert "does not fit into memory" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["fifo"]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=120
    )


def test_as_a_module() -> None:
    done = run("-m", "backsweep", "info")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("-m", "backsweep", "train", "--epochs", "x").returncode == 2
    assert run("-m", "backsweep", "--version").stdout == f"backsweep {bs.__version__}\n"


def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "backsweep", "info"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=120)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "backsweep", "info"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"backsweep: error: cannot write the output: No space left")
    assert done.stderr.count(b"\n") == 1


def test_a_closed_output_is_quiet() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m backsweep info >&-"], stderr=subprocess.PIPE, check=False
    )
    assert b"Traceback" not in done.stderr


def test_import_is_light() -> None:
    code = (
        "import sys, numpy; import backsweep\n"
        "heavy = {'tqdm', 'safetensors', 'argparse', 'scipy', 'sklearn', 'torch', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert run("-c", code).stdout.strip() == "[]"
