"""Small data sets that come with the package, so that examples and tests need no network."""

from backsweep.datasets.digits import load_digits, stratified_split

__all__ = ["load_digits", "stratified_split"]
