"""Switches of PyTorch's libraries, which change nothing, and questions after these, which are absent."""

from backsweep.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
