"""Switches of PyTorch's libraries, which change nothing, and questions after these, which are absent."""

from backsweep.backends import cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
