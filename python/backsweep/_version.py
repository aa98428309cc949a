"""The version, stated here and nowhere else: pyproject.toml and CMakeLists.txt read this line."""

__version__ = "0.1.0"
