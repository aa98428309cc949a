"""Transforms of images, by torchvision's names: one by one, or whole batches at once.

They take tensors (C, H, W), uint8 or float, arrays (H, W, C), Pillow's images, and batches (N, C, H, W), each
image of which has random numbers of its own. On tensors they are ops, so they also run inside `bs.compile`
and, as `transform`, inside `bs.fit`. One seed gives the same images on any number of threads.
"""

from backsweep.transforms import functional
from backsweep.transforms.base import InterpolationMode
from backsweep.transforms.boxes import RandomErasing, RandomResizedCrop
from backsweep.transforms.colour import ColorJitter, Grayscale, RandomGrayscale
from backsweep.transforms.composed import (
    Compose,
    ConvertImageDtype,
    Lambda,
    Normalize,
    PILToTensor,
    RandomApply,
    RandomChoice,
    ToPILImage,
    ToTensor,
)
from backsweep.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]
