"""The UCI handwritten digits; `digits.txt` beside this file states their source and licence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["load_digits", "stratified_split"]


def load_digits(
    split: Literal["train", "test"] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Load 1,797 grey images of handwritten digits, 8 x 8 pixels each.

    Parameters
    ----------
    split : {"train", "test"}, optional
        One side of the fixed split: "test" is a quarter of each class (450 images), "train" the rest (1,347).
        All images if left out.

    Returns
    -------
    X : numpy.ndarray, float32, shape (n, 64)
        The pixels row by row, as the source has them: whole numbers from 0 (paper) to 16 (ink).
        Divide by 16 to feed a network.
    y : numpy.ndarray, int64, shape (n,)
        The digit shown, 0 to 9.

    Raises
    ------
    ValueError
        If `split` is none of the above.

    Notes
    -----
    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49, licence CC BY 4.0.

    Examples
    --------
    >>> X, y = load_digits("train")
    >>> X.shape, y.shape
    ((1347, 64), (1347,))
    """
    if split not in (None, "train", "test"):
        raise ValueError(f'[load_digits] split is {split!r}; it must be "train", "test" or None')
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as file:
        X = file["X"].astype(np.float32)
        y = file["y"].astype(np.int64)
    if split is None:
        return X, y
    train, test = stratified_split(y)
    rows = train if split == "train" else test
    return X[rows], y[rows]


def stratified_split(
    y: npt.ArrayLike, fraction: float = 0.25, seed: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split row numbers into a training and a held-out part, each with the classes in equal proportion.

    Of n rows, ``ceil(fraction * n)`` are held out: from each class ``floor(fraction * its size)``, and one
    more from the classes whose fraction was cut most. The same arguments give the same split on any machine
    and with any NumPy: the stream of `numpy.random.RandomState` is frozen (NEP 19).

    Parameters
    ----------
    y : array_like, shape (n,)
        The class of each row: integers or strings.
    fraction : float, default 0.25
        The part to hold out, between 0 and 1.
    seed : int, default 0
        Chooses the rows; another seed gives another split.

    Returns
    -------
    train, test : numpy.ndarray, int64
        Row numbers in ascending order; together every row once.

    Raises
    ------
    ValueError
        If `y` is not one-dimensional or `fraction` is not between 0 and 1.
    """
    labels: npt.NDArray[Any] = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"[stratified_split] y is {labels.shape}; it must have one axis, the rows")
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"[stratified_split] fraction is {fraction}; it must be between 0 and 1")

    classes, sizes = np.unique(labels, return_counts=True)
    wanted = fraction * sizes
    take = np.floor(wanted).astype(np.int64)
    missing = int(np.ceil(fraction * labels.size)) - int(take.sum())
    # Stable: among equal remainders the first class comes first.
    take[np.argsort(take - wanted, kind="stable")[:missing]] += 1

    random = np.random.RandomState(seed)
    held_out = np.zeros(labels.size, dtype=np.bool_)
    for label, count in zip(classes, take, strict=True):
        rows = np.flatnonzero(labels == label)
        held_out[random.permutation(rows)[:count]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
