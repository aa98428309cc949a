"""Ready networks: dense, convolutional, residual; for images out of images; those that make images.

Those of torchvision have its arguments and the keys and shapes of its `state_dict`, so its weights load.
"""

from backsweep.models.dcgan import Discriminator, Generator
from backsweep.models.lenet import LeNet
from backsweep.models.mlp import MLP
from backsweep.models.mobilenetv2 import MobileNetV2, mobilenet_v2
from backsweep.models.resnet import (
    ResNet,
    SmallResNet,
    resnet8,
    resnet18,
    resnet20,
    resnet32,
    resnet34,
    resnet44,
    resnet50,
    resnet56,
)
from backsweep.models.unet import UNet
from backsweep.models.vae import ConvVAE
from backsweep.models.vgg import VGG, vgg11, vgg11_bn, vgg16, vgg16_bn, vgg19

__all__ = [
    "MLP",
    "VGG",
    "ConvVAE",
    "Discriminator",
    "Generator",
    "LeNet",
    "MobileNetV2",
    "ResNet",
    "SmallResNet",
    "UNet",
    "mobilenet_v2",
    "resnet8",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "vgg11",
    "vgg11_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
]
