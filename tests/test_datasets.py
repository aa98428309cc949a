"""The embedded digits are the source's, and their split is fixed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from backsweep.datasets import load_digits, stratified_split


def test_digits_are_the_source() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    X, y = load_digits()
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    source = sklearn.load_digits()
    np.testing.assert_array_equal(X, source.data)
    np.testing.assert_array_equal(y, source.target)


def test_digits_split() -> None:
    X, y = load_digits()
    X_train, y_train = load_digits("train")
    X_test, y_test = load_digits("test")
    assert X_train.shape == (1347, 64)
    assert X_test.shape == (450, 64)
    assert np.array_equal(np.bincount(y_train) + np.bincount(y_test), np.bincount(y))
    assert np.abs(np.bincount(y_test) - 0.25 * np.bincount(y)).max() < 1
    # Frozen: accuracies stay comparable between versions.
    rows = stratified_split(y)[1]
    assert np.array_equal(X[rows], X_test)
    digest = hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()
    assert digest == "3318fb258d4d6e8537096e8d26298abea101f04fd4b0ccb2224ef43097eb469d"


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="load_digits"):
        load_digits("validation")  # type: ignore[arg-type]


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_stratified_split_is_a_partition(fraction: float, seed: int) -> None:
    y = np.array(["a"] * 1 + ["b"] * 10 + ["c"] * 23)
    train, test = stratified_split(y, fraction, seed)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(y.size))
    assert test.size == np.ceil(fraction * y.size)
    for label in "abc":
        assert abs(np.sum(y[test] == label) - fraction * np.sum(y == label)) <= 1


def test_stratified_split_edges() -> None:
    train, test = stratified_split([])
    assert train.size == test.size == 0
    with pytest.raises(ValueError, match="fraction"):
        stratified_split([0, 1], fraction=1.5)
    with pytest.raises(ValueError, match="one axis"):
        stratified_split(np.zeros((2, 2)))
