"""Programs in the manner of public ones, written for PyTorch: only the library that they are given differs.

Each module has `run(torch, draw)`: `draw(*sizes)` gives float32 numbers of a standard normal distribution,
the same for every library; what comes back is the losses on the way, the last one last.
"""
