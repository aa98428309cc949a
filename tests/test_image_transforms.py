"""Transforms of images: kinds, draws, batches, capture; against Pillow, NumPy and PyTorch's interpolation."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import transforms as T
from backsweep.transforms import functional as F
from backsweep.utils.data import DataLoader

RNG = np.random.default_rng(0)
BATCH = RNG.integers(0, 256, (6, 3, 12, 16)).astype(np.uint8)
IMAGE = BATCH[0]
MODE = T.InterpolationMode

RANDOM: dict[str, Callable[[], Any]] = {
    "crop": lambda: T.RandomCrop(8),
    "padded crop": lambda: T.RandomCrop((12, 16), padding=3, padding_mode="reflect"),
    "crop if needed": lambda: T.RandomCrop(14, pad_if_needed=True, fill=7),
    "mirror": lambda: T.RandomHorizontalFlip(),
    "upside down": lambda: T.RandomVerticalFlip(),
    "resized": lambda: T.RandomResizedCrop(10),
    "turned": lambda: T.RandomRotation(40, fill=9),
    "smooth": lambda: T.RandomRotation((10, 80), MODE.BILINEAR),
    "colours": lambda: T.ColorJitter(0.3, 0.3, 0.3, 0.2),
    "grey": lambda: T.RandomGrayscale(0.5),
    "erased": lambda: T.RandomErasing(0.7, value=(1, 2, 3)),
    "noise": lambda: T.RandomErasing(1.0, value="random"),
    "applied": lambda: T.RandomApply([T.RandomHorizontalFlip(1.0), T.ColorJitter(0.5)]),
    "choice": lambda: T.RandomChoice([T.RandomHorizontalFlip(1.0), T.RandomVerticalFlip(1.0)], [1, 3]),
    "all": lambda: T.Compose(
        [
            T.RandomCrop(12, padding=2),
            T.RandomHorizontalFlip(),
            T.ToTensor(),
            T.Normalize([0.5] * 3, [0.25] * 3),
        ]
    ),
}


def seeded(transform: Any, image: Any, seed: int = 1) -> Any:
    bs.manual_seed(seed)
    return transform(image)


@pytest.mark.parametrize("name", RANDOM)
def test_batches(name: str) -> None:
    """A draw for each sample, by the seed, on any number of threads, eager and compiled."""
    transform = RANDOM[name]()
    x = bs.tensor(BATCH[:1].repeat(6, 0))  # one image, six times
    got = seeded(transform, x)
    assert got.shape[:2] == (6, 3)
    assert got.dtype == (bs.float32 if name == "all" else bs.uint8)
    values = got.numpy()
    assert not all((a == b).all() for a, b in pairwise(values)), "all samples have one draw"
    np.testing.assert_array_equal(seeded(transform, x).numpy(), values)
    assert (seeded(transform, x, 2).numpy() != values).any()
    threads = bs.get_num_threads()
    bs.set_num_threads(3)
    np.testing.assert_array_equal(seeded(transform, x).numpy(), values)
    bs.set_num_threads(threads)
    compiled = bs.compile(lambda batch: transform(batch))
    again = seeded(compiled, x).numpy()
    if values.dtype == np.uint8:
        assert np.abs(again.astype(int) - values).max() <= 1
    np.testing.assert_allclose(again, values, atol=1 if values.dtype == np.uint8 else 1e-6)
    np.testing.assert_array_equal(seeded(compiled, x).numpy(), again)


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("kind", ["uint8", "float32", "grey", "array", "grey array", "pillow", "grey pillow"])
def test_single_images(name: str, kind: str) -> None:
    transform = RANDOM[name]()
    tensors = kind in ("uint8", "float32", "grey")
    if name in ("erased", "noise") and not tensors:
        pytest.skip("of tensors alone")
    if "grey" in kind and name in ("erased", "all"):
        pytest.skip("of three channels")
    pixels = IMAGE[:1] if "grey" in kind else IMAGE
    image: Any = pixels[0] if kind in ("grey array", "grey pillow") else pixels.transpose(1, 2, 0)
    if tensors:
        image = F.convert_image_dtype(bs.tensor(pixels), bs.float32 if kind == "float32" else bs.uint8)
    elif kind.endswith("pillow"):
        image = pytest.importorskip("PIL.Image").fromarray(np.ascontiguousarray(image))
    got = seeded(transform, image)
    again = seeded(transform, image)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(again))
    if name != "all":
        assert type(got) is type(image)
        assert F.get_dimensions(got)[0] == len(pixels)
        assert np.asarray(got).dtype == np.asarray(image).dtype
    else:
        assert isinstance(got, bs.Tensor) and got.dtype == bs.float32


@pytest.mark.parametrize("name", ["crop", "padded crop", "crop if needed", "mirror", "upside down"])
def test_kinds_agree(name: str) -> None:
    """The same draw moves the same pixels of Pillow's images, arrays and tensors."""
    Image = pytest.importorskip("PIL.Image")
    transform, array = RANDOM[name](), np.ascontiguousarray(IMAGE.transpose(1, 2, 0))
    want = seeded(transform, bs.tensor(IMAGE)).numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(seeded(transform, array), want)
    np.testing.assert_array_equal(np.asarray(seeded(transform, Image.fromarray(array))), want)


# ---- What the random ones give -------------------------------------------------------------------------


def test_crops_are_parts_at_all_places() -> None:
    image = np.arange(5 * 6, dtype=np.uint8).reshape(1, 1, 5, 6).repeat(400, 0)
    got = seeded(T.RandomCrop((3, 2)), bs.tensor(image)).numpy()
    corners = got[:, 0, 0, 0]
    np.testing.assert_array_equal(
        got - corners[:, None, None, None], np.add.outer([0, 6, 12], [0, 1])[None, None].repeat(400, 0)
    )
    places, counts = np.unique(corners, return_counts=True)
    assert places.tolist() == [row * 6 + column for row in range(3) for column in range(5)]
    assert counts.min() > 8 and counts.max() < 60
    with pytest.raises(bs.ShapeError, match=r"\[RandomCrop\] the box \(7, 7\) is larger.*pad_if_needed"):
        T.RandomCrop(7)(bs.tensor(image))


def test_flips_at_their_probability() -> None:
    x = bs.tensor(np.arange(1000 * 2, dtype=np.float32).reshape(1000, 1, 1, 2))
    flipped = seeded(T.RandomHorizontalFlip(0.3), x).numpy()[:, 0, 0, 0] % 2 == 1
    assert 0.25 < flipped.mean() < 0.35
    assert (seeded(T.RandomHorizontalFlip(0), x) == x).all()
    np.testing.assert_array_equal(T.RandomHorizontalFlip(1)(x).numpy(), x.numpy()[:, :, :, ::-1])
    np.testing.assert_array_equal(T.RandomVerticalFlip(1)(bs.tensor(BATCH)).numpy(), BATCH[:, :, ::-1])


def test_boxes_of_a_resized_crop() -> None:
    x = bs.tensor(BATCH[:1].repeat(300, 0))
    top, left, height, width = (
        v.numpy() for v in seeded(lambda n: T.boxes._fitting(n, 12, 16, (0.2, 0.6), (0.5, 2.0)), 300)
    )
    assert (
        (top >= 0).all() and (left >= 0).all() and (top + height <= 12).all() and (left + width <= 16).all()
    )
    area, ratio = height * width / 192, width / height
    assert area.min() > 0.1 and area.max() < 0.7 and ratio.min() > 0.35 and ratio.max() < 2.5
    got = seeded(T.RandomResizedCrop(9, (0.2, 0.6), (0.5, 2.0)), x).numpy()
    for i in range(0, 300, 50):  # the box of each, resized by itself
        part = F.crop(x[i], int(top[i]), int(left[i]), int(height[i]), int(width[i]))
        want = F.resize(part, (9, 9)).numpy() if part.shape[1:] != (9, 9) else part.numpy()
        np.testing.assert_allclose(got[i].astype(int), want.astype(int), atol=1)
    # Where no box fits, the middle of the nearest proportions.
    assert T.RandomResizedCrop.get_params(bs.zeros(1, 4, 40), (2.0, 2.0), (0.5, 2.0)) == (0, 16, 4, 8)


def test_erased_boxes() -> None:
    x = bs.ones((200, 3, 12, 16))
    got = seeded(T.RandomErasing(0.5, value=(5.0, 6.0, 7.0)), x).numpy()
    erased = (got != 1).any((1, 2, 3))
    assert 0.35 < erased.mean() < 0.65
    for sample in got[erased]:
        rows, columns = np.nonzero(sample[0] != 1)
        box = sample[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (box == np.array([5, 6, 7])[:, None, None]).all() and (sample[0] != 1).sum() == box[0].size
        assert 0.01 < box[0].size / 192 < 0.4


def test_proportions_of_an_erased_box_are_height_to_width() -> None:
    got = seeded(T.RandomErasing(1.0, (0.1, 0.2), (2.0, 3.0)), bs.ones((50, 1, 40, 40))).numpy()[:, 0] == 0
    heights, widths = got.any(2).sum(1), got.any(1).sum(1)
    assert ((heights / widths > 1.7) & (heights / widths < 3.4)).all()


def test_parameters_of_an_erased_box() -> None:
    x = bs.ones(3, 40, 30)
    top, left, height, width, values = T.RandomErasing.get_params(x, (0.1, 0.2), (2.0, 3.0), [5.0])
    assert 0 <= top <= 40 - height and 0 <= left <= 30 - width and 1.7 < height / width < 3.4
    assert float(F.erase(x, top, left, height, width, values).sum()) == 3600 + 4 * 3 * height * width
    *box, noise = T.RandomErasing.get_params(x, (0.1, 0.2), (2.0, 3.0))
    assert noise.shape == (3, box[2], box[3]) and float(noise.std()) > 0.5
    assert T.RandomErasing.get_params(x, (0.9, 0.9), (9.0, 9.0)) == (0, 0, 40, 30, x)


def test_erasing_in_place() -> None:
    x = bs.ones(3, 12, 16)
    assert T.RandomErasing(1.0, inplace=True)(x) is x
    assert float((x == 0).sum()) > 0


def test_rotation_by_quarters() -> None:
    square = IMAGE[:, :, :12]
    for quarter in range(4):
        got = F.rotate(bs.tensor(square), 90 * quarter).numpy()
        np.testing.assert_array_equal(got, np.rot90(square, quarter, (1, 2)))
        smooth = F.rotate(bs.tensor(square), 90.0 * quarter, MODE.BILINEAR).numpy()
        np.testing.assert_array_equal(smooth, got)
    angles = seeded(lambda n: [T.RandomRotation.get_params([-10, 30]) for _ in range(n)], 100)
    assert -10 <= min(angles) < -5 and 25 < max(angles) <= 30
    assert F.rotate(bs.tensor(IMAGE), 90, expand=True).shape == (3, 16, 12)
    with pytest.raises(ValueError, match="one by one"):
        T.RandomRotation(10, expand=True)(bs.tensor(BATCH))


# ---- Against others ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, (12, 7), (30, 20)])
@pytest.mark.parametrize("mode", ["BILINEAR", "BICUBIC"])
def test_resize_is_pillows(size: Any, mode: str) -> None:
    Image = pytest.importorskip("PIL.Image")
    middle = IMAGE // 2 + 60  # Pillow cuts off what overshoots after each axis
    image = Image.fromarray(np.ascontiguousarray(middle.transpose(1, 2, 0)))
    want = np.asarray(F.resize(image, size, MODE[mode])).transpose(2, 0, 1).astype(int)
    got = F.resize(bs.tensor(middle), size, MODE[mode]).numpy().astype(int)
    assert got.shape == want.shape and np.abs(got - want).max() <= 1


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "nearest-exact"])
@pytest.mark.parametrize("size", [(7, 5), (20, 33)])
def test_resize_is_pytorchs(size: tuple[int, int], mode: str, antialias: bool) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.random((2, 3, 12, 16))
    smooth = mode.startswith("bi")
    want = torch.nn.functional.interpolate(
        torch.from_numpy(x), size, mode=mode, antialias=antialias and smooth
    )
    got = F.resize(bs.tensor(x), size, MODE(mode), antialias=antialias)
    np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-12)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", [2, (1, 3), (0, 1, 2, 3)])
def test_pad_is_numpys(mode: Any, padding: Any) -> None:
    left, top, right, bottom = F.sides("pad", padding)
    extra = {"constant_values": 9} if mode == "constant" else {}
    want = np.pad(IMAGE, ((0, 0), (top, bottom), (left, right)), mode=mode, **extra)
    np.testing.assert_array_equal(F.pad(bs.tensor(IMAGE), padding, 9, mode).numpy(), want)


@pytest.mark.parametrize("change", ["brightness", "contrast", "saturation", "hue"])
@pytest.mark.parametrize("factor", [0.0, 0.3, 1.4])
def test_colours_are_pillows(change: str, factor: float) -> None:
    Image = pytest.importorskip("PIL.Image")
    factor = factor / 3 if change == "hue" else factor
    image = Image.fromarray(np.ascontiguousarray(IMAGE.transpose(1, 2, 0)))
    adjust = getattr(F, f"adjust_{change}")
    want = np.asarray(adjust(image, factor)).transpose(2, 0, 1).astype(int)
    got = adjust(bs.tensor(IMAGE), factor).numpy().astype(int)
    assert np.abs(got - want).max() <= (20 if change == "hue" else 2)  # Pillow's hue has 256 steps
    smooth = adjust(bs.tensor(IMAGE).to(bs.float32) / 255, factor).numpy() * 255
    assert np.abs(smooth - got).max() < 2


# ---- Kinds of images -----------------------------------------------------------------------------------


def test_to_tensor_and_back() -> None:
    Image = pytest.importorskip("PIL.Image")
    array = np.ascontiguousarray(IMAGE.transpose(1, 2, 0))
    for image, want in (
        (Image.fromarray(array), IMAGE),
        (array, IMAGE),
        (Image.fromarray(IMAGE[0]), IMAGE[:1]),
        (IMAGE[0], IMAGE[:1]),
        (bs.tensor(BATCH), BATCH),
    ):
        made = T.ToTensor()(image)
        assert made.dtype == bs.float32
        np.testing.assert_array_equal(made.numpy(), want.astype(np.float32) / np.float32(255))
        assert T.PILToTensor()(image).dtype == bs.uint8
    back = T.ToPILImage()(T.ToTensor()(array))
    np.testing.assert_array_equal(np.asarray(back), array)
    assert [T.ToPILImage()(bs.zeros(c, 4, 5)).mode for c in (1, 2, 3, 4)] == ["L", "LA", "RGB", "RGBA"]
    bits = T.ToTensor()(Image.fromarray(IMAGE[0]).convert("1"))
    assert sorted(set(bits.flatten().tolist())) == [0.0, 1.0]
    for wrong in (bs.zeros(5, 4, 5), np.zeros((4, 5, 3), np.float64), bs.zeros(3), [1]):
        with pytest.raises((TypeError, ValueError), match=r"\[to_pil_image\]"):
            F.to_pil_image(wrong)


def test_ranges_of_dtypes() -> None:
    x = bs.tensor(np.array([0, 1, 128, 255], np.uint8))
    f = F.convert_image_dtype(x, bs.float32)
    np.testing.assert_allclose(f.numpy(), x.numpy() / 255, rtol=1e-6)
    assert T.ConvertImageDtype(bs.uint8)(f).tolist() == [0, 1, 128, 255]
    assert F.convert_image_dtype(x, bs.int16).tolist() == [0, 128, 16384, 32640]
    assert F.convert_image_dtype(F.convert_image_dtype(x, bs.int16), bs.uint8).tolist() == x.tolist()
    with pytest.raises(bs.DTypeError):
        F.convert_image_dtype(f, bs.int32)


def test_sizes() -> None:
    x = bs.tensor(IMAGE)
    assert T.Resize(6)(x).shape == (3, 6, 8) and T.Resize((5, 4))(x).shape == (3, 5, 4)
    assert T.Resize(6, max_size=7)(x).shape == (3, 5, 7) and T.Resize(12)(x) is x
    assert T.CenterCrop(4)(x).shape == (3, 4, 4)
    np.testing.assert_array_equal(T.CenterCrop((4, 6))(x).numpy(), IMAGE[:, 4:8, 5:11])
    assert T.CenterCrop(20)(x).shape == (3, 20, 20) and F.get_image_size(x) == [16, 12]
    np.testing.assert_array_equal(F.resized_crop(x, 2, 3, 5, 5, [5, 5]).numpy(), IMAGE[:, 2:7, 3:8])
    assert T.Grayscale()(x).shape == (1, 12, 16) and T.Grayscale(3)(x).shape == (3, 12, 16)
    erased = F.erase(x, 1, 2, 3, 4, 0)
    assert int((erased.numpy() != IMAGE).sum()) > 0 and int(erased[:, 1:4, 2:6].to(bs.int64).sum()) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: T.RandomCrop(0),
        lambda: T.RandomCrop((1, 2, 3)),
        lambda: T.Pad(-1),
        lambda: T.Pad((1, 2, 3)),
        lambda: T.Pad(1, padding_mode="mirror"),
        lambda: T.RandomHorizontalFlip(1.5),
        lambda: T.RandomRotation(-1),
        lambda: T.RandomRotation((1, 2, 3)),
        lambda: T.ColorJitter(hue=0.6),
        lambda: T.ColorJitter(brightness=-1),
        lambda: T.Resize(10, interpolation="bilinear"),
        lambda: T.Resize(10, max_size=5)(bs.tensor(IMAGE)),
        lambda: T.Lambda(3),
        lambda: T.RandomErasing(value="x"),
        lambda: T.RandomErasing()(IMAGE),
        lambda: T.Normalize([0.5], [0.0])(bs.ones(1, 2, 2)),
        lambda: T.Normalize([0.5], [0.5])(bs.tensor(IMAGE)),
        lambda: T.Normalize([0.5], [0.5])(IMAGE),
        lambda: T.Normalize([0.5] * 3, [0.5] * 3)(bs.ones(1, 2, 2)),
        lambda: T.Normalize([0.5], [0.5] * 2)(bs.ones(3, 2, 2)),
        lambda: T.RandomErasing(scale=(0.3, 0.1)),
        lambda: T.RandomErasing(ratio=(0.0, 1.0)),
        lambda: T.RandomErasing(1.0, value=(1, 2))(bs.ones(3, 12, 12)),
        lambda: T.RandomResizedCrop(4, scale=(1.0, 0.5)),
        lambda: T.RandomResizedCrop(4, ratio=2.0),
        lambda: T.RandomHorizontalFlip()(bs.ones(3)),
        lambda: T.CenterCrop(2)(bs.ones(3)),
        lambda: T.Resize(2)(bs.ones(())),
        lambda: T.RandomHorizontalFlip()("x"),
        lambda: F.pad(bs.ones(1, 3, 3), 3, padding_mode="reflect"),
        lambda: F.pad(bs.ones(1, 3, 3), 3, fill=(1, 2)),
        lambda: F.adjust_hue(bs.ones(2, 3, 3), 0.1),
        lambda: F.adjust_hue(bs.ones(3, 3, 3), 0.7),
        lambda: T.RandomChoice([T.ToTensor()], [1, 2]),
    ],
)
def test_wrong_arguments_are_named(make: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^\[\w+\] "):
        make()


def test_texts_are_torchvisions() -> None:
    made = T.Compose([T.Resize(8), T.RandomCrop(4, padding=1), T.Normalize((0.5,), (0.5,))])
    assert repr(made) == (
        "Compose(\n"
        "    Resize(size=8, interpolation=bilinear, max_size=None, antialias=True)\n"
        "    RandomCrop(size=(4, 4), padding=1)\n"
        "    Normalize(mean=(0.5,), std=(0.5,))\n"
        ")"
    )
    assert repr(T.RandomChoice([T.ToTensor()])) == "RandomChoice(\n    ToTensor()\n)(p=None)"


def test_workers_draw_the_same_whatever_their_number() -> None:
    class Images(bs.utils.data.Dataset[Any]):
        def __getitem__(self, index: int) -> Any:
            return T.RandomErasing(1.0, value="random")(T.RandomCrop(5)(bs.tensor(BATCH[index % 6])))

        def __len__(self) -> int:
            return 20

    seen = []
    for workers in (1, 3):
        bs.manual_seed(0)
        seen.append([x.numpy() for x in DataLoader(Images(), batch_size=4, num_workers=workers)])
    for a, b in zip(*seen, strict=True):
        np.testing.assert_array_equal(a, b)
