"""fit and evaluate over the batches of a DataLoader, or of another iterable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from test_train import X, Y, network, weights


def fitted(*data: Any, seed: int = 3, **options: Any) -> tuple[Any, ...]:
    """Train a network without dropout; give its weights' and its losses' bits."""
    model = network()
    model[2].p = 0.0
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    bs.manual_seed(seed)
    history = bs.fit(model, *data, optimizer=optimizer, epochs=3, progress=False, **options)
    del history["seconds"]
    return [w.tobytes() for w in weights(model)], history


class Rows(Dataset[Any]):
    """Samples one by one, as NumPy's numbers."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, place: int) -> Any:
        return X[place], Y[place]


@pytest.mark.parametrize("options", [{}, {"compile": False}, {"leaves": 3}], ids=str)
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_loader_gives_the_bits_of_arrays(shuffle: bool, drop_last: bool, options: Any) -> None:
    how: dict[str, Any] = {"batch_size": 48, "shuffle": shuffle, "drop_last": drop_last}
    want = fitted(X, Y, validation=(X, Y), **how, **options)
    tables = TensorDataset(bs.tensor(X), bs.tensor(Y))
    held_out = DataLoader(tables, batch_size=77, generator=bs.Generator())  # each of its loops takes a key
    for loader in (
        DataLoader(tables, **how),
        DataLoader(Rows(), **how),
        DataLoader(Rows(), num_workers=2, **how),
        bs.Batches(X, Y, **how),
    ):
        assert fitted(loader, validation=held_out, **options) == want


def test_any_iterable_of_pairs() -> None:
    want = fitted(X, Y, batch_size=50, shuffle=False)
    batches = [(X[i : i + 50], Y[i : i + 50]) for i in range(0, 200, 50)]
    assert fitted(batches) == want
    assert fitted([[bs.tensor(x).double(), bs.tensor(y)] for x, y in batches]) == want

    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            yield from zip(X, Y, strict=True)

    assert fitted(DataLoader(Stream(), batch_size=50)) == want  # has no len
    model = network()
    history = bs.fit(model, iter(batches), progress=False)
    assert np.isfinite(history["loss"]).all()
    with pytest.raises(ValueError, match=r"^\[fit\] an iterator is used up by one epoch, and epochs is 2"):
        bs.fit(model, iter(batches), epochs=2, progress=False)
    with pytest.raises(ValueError, match=r"^\[fit\] validation is an iterator"):
        bs.fit(model, batches, validation=iter(batches), progress=False)
    with pytest.raises(ValueError, match=r"^\[fit\] there is no batch"):
        bs.fit(model, [], progress=False)


def test_evaluate_over_a_loader() -> None:
    model = network()
    loader = DataLoader(TensorDataset(bs.tensor(X), bs.tensor(Y)), batch_size=33, shuffle=True)
    for loss in ("cross_entropy", nn.CrossEntropyLoss(), nn.MultiMarginLoss()):
        for compile in (True, False):
            found = bs.evaluate(model, loader, loss=loss, compile=compile)
            want = bs.evaluate(model, X, Y, loss=loss)
            assert found.keys() == want.keys()
            for name in found:
                assert found[name] == pytest.approx(want[name], rel=1e-6)
    assert model.training


def test_integers_stay_for_embeddings_and_floats_take_the_models_dtype() -> None:
    words = np.random.default_rng(0).integers(0, 7, (60, 4))
    labels = words[:, 0] % 2
    bs.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 8), nn.Flatten(), nn.Linear(32, 2)).double()
    optimizer = bs.optim.Adam(model.parameters(), lr=0.05)
    loader = DataLoader(TensorDataset(bs.tensor(words), bs.tensor(labels)), batch_size=20, shuffle=True)
    history = bs.fit(model, loader, optimizer=optimizer, epochs=20, validation=loader, progress=False)
    assert history["val_accuracy"][-1] == 1
    line = nn.Linear(6, 1).double()
    batches = bs.Batches(X, X[:, :1].astype(np.float16), batch_size=50)
    losses = bs.fit(line, batches, loss="mse_loss", epochs=5, progress=False)["loss"]
    assert losses[-1] < losses[0]


def test_bytes_of_batches_become_the_models_dtype() -> None:
    """As those of arrays do, and as NumPy's do: no layer computes in them."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6)).astype(np.uint8)
    labels = np.arange(60) % 3
    want = fitted([(pixels.astype(np.float32), labels)])
    for x in (pixels, bs.tensor(pixels)):
        assert fitted([(x, bs.tensor(labels))]) == want
        assert bs.evaluate(network(), [(x, labels)]) == bs.evaluate(network(), pixels, labels)
    bits = bs.tensor(pixels > 100)
    assert fitted([(bits, labels)]) == fitted([(np.asarray(bits), labels)])


def test_validation_by_a_list() -> None:
    """Of batches, however many; a list of two arrays is a pair."""
    bs.manual_seed(0)
    model = network()
    want = bs.evaluate(model, X, Y)["loss"]
    batches: Any
    parts = [(X[:80], Y[:80]), (X[80:], Y[80:])]
    for batches in ([(X, Y)], parts, [*map(list, parts)], [X, Y]):
        optimizer = bs.optim.SGD(model.parameters(), lr=0.0)
        got = bs.fit(model, X, Y, optimizer=optimizer, validation=batches, progress=False)
        assert got["val_loss"] == [pytest.approx(want, rel=1e-6)]


def test_outputs_of_other_shapes_in_each_batch() -> None:
    batches = [(np.zeros((2, 1, n, n)), np.zeros((2, n, n), np.int64)) for n in (4, 5)]
    model = nn.Conv2d(1, 3, 1)
    assert len(bs.fit(model, batches, progress=False)["loss"]) == 1
    with pytest.raises(bs.ShapeError, match=r"shapes \(3, 4, 4\) and \(3, 5, 5\)"):
        bs.evaluate(model, batches)


def test_ignored_labels_of_batches() -> None:
    """Batches without a label that counts are no step, and samples without one are none of theirs."""
    labels = Y.copy()
    labels[::3] = labels[50:100] = -100
    kept = [np.flatnonzero(labels[i : i + 50] != -100) + i for i in range(0, 200, 50)]
    want = fitted([(X[rows], labels[rows]) for rows in kept if rows.size])
    assert fitted(bs.Batches(X, labels, batch_size=50)) == want
    with pytest.raises(ValueError, match=r"^\[fit\] cross_entropy ignores all labels of all batches"):
        fitted(bs.Batches(X, Y * 0 - 100))


def test_progress_without_a_length(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    bs.fit(network(), ((X, Y) for _ in range(3)))
    assert "3step" in capsys.readouterr().err.replace(" ", "")
    bs.fit(network(), bs.Batches(X, Y, batch_size=50), epochs=2)
    assert "8/8" in capsys.readouterr().err


def test_what_is_no_batch_is_refused() -> None:
    model = network()
    broken = X.copy()
    broken[60, 1] = np.nan
    loader = DataLoader(Rows(), batch_size=50)
    data: Any
    options: dict[str, Any]
    for data, options, error, text in (
        (X, {}, TypeError, "y is missing"),
        (bs.tensor(X), {}, TypeError, "y is missing"),
        (Rows(), {}, TypeError, r"y is missing.*DataLoader\(dataset\)"),
        (loader, {"batch_size": 32}, ValueError, "batch_size is for arrays"),
        (loader, {"shuffle": True}, ValueError, "shuffle is for arrays"),
        (loader, {"drop_last": False}, ValueError, "drop_last is for arrays"),
        ([(X, Y, Y)], {}, TypeError, "batch 0 is tuple of 3; it must be a pair"),
        ([{"x": X, "y": Y}], {}, TypeError, "batch 0 is of type dict; it must be a pair"),
        ([X.tolist()], {}, TypeError, "batch 0 is list of 200"),
        ([(X, Y), (X, Y[1:])], {}, bs.ShapeError, r"X is \(200, 6\), y is \(199,\)"),
        (bs.Batches(broken, Y), {}, ValueError, r"X of batch 1\[28, 1\] is nan"),
        ([(X, X[:, 0])], {}, bs.DTypeError, "class numbers"),
        (loader, {"validation": (X,)}, ValueError, "validation must be a pair"),
    ):
        with pytest.raises(error, match=rf"^\[fit\] .*{text}"):
            bs.fit(model, data, progress=False, **options)
    with pytest.raises(ValueError, match=r"^\[fit\] the model has lazy layers"):
        bs.fit(nn.LazyLinear(3), loader)
    with pytest.raises(bs.DTypeError, match="of type DataLoader, which gives batches of X and y by itself"):
        bs.fit(model, loader, Y)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^\[evaluate\] y is missing"):
        bs.evaluate(model, X)
    with pytest.raises(ValueError, match=r"^\[evaluate\] batch_size is for arrays"):
        bs.evaluate(model, loader, batch_size=10)
