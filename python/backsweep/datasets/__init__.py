"""Data sets: small ones that come with the package, and readers of files in a folder or from the net."""

from backsweep.datasets.cifar import CIFAR10, CIFAR100
from backsweep.datasets.digits import load_digits, stratified_split
from backsweep.datasets.folder import DatasetFolder, ImageFolder
from backsweep.datasets.mnist import KMNIST, MNIST, FashionMNIST, read_idx
from backsweep.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "DatasetFolder",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
    "load_digits",
    "read_idx",
    "stratified_split",
]
