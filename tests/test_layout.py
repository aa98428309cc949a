"""The folders and their arrows: who may see whom, and what may stand where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "python" / "backsweep"

# Each folder of csrc sees itself and those before it; kernels see only base.
FOLDERS = ["base", "kernels", "graph", "ops", "autodiff", "program", "train", "bindings"]

# Python modules by level: each sees its own level and those before it. `_*` is every other private module,
# `*` every other public one. Below the last level nobody imports the package as a whole: that is upward.
LEVELS = [
    ["_version", "_core"],
    ["_*"],
    ["*"],
    ["nn", "optim", "data", "datasets", "transforms", "models"],
    ["train", "_samples", "_loop", "_steps"],
    ["inspect", "interop", "distributed"],
    ["__init__", "__main__", "_command", "_stubs"],
]

MAX_LINES = 600


def cpp_files(*folders: Path) -> list[Path]:
    return sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".h", ".cpp", ".def"}
    )


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def matches(pattern: str, files: list[Path]) -> Iterator[tuple[Path, int, re.Match[str]]]:
    expression = re.compile(pattern)
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := expression.search(line):
                yield path, number, found


def test_folders_are_the_known_ones() -> None:
    assert {path.name for path in CSRC.iterdir() if path.is_dir()} <= set(FOLDERS)
    assert [name(path) for path in CSRC.iterdir() if path.is_file()] == [], "every source is in a folder"


def test_includes_point_upward_only() -> None:
    wrong = []
    for path, number, found in matches(r'^\s*#\s*include\s+"([^"]+)"', cpp_files(CSRC)):
        folder = path.relative_to(CSRC).parts[0]
        target, slash, _ = found[1].partition("/")
        seen = ["base", "kernels"] if folder == "kernels" else FOLDERS[: FOLDERS.index(folder) + 1]
        if not slash or target not in seen:
            wrong.append(f'{name(path)}:{number} includes "{found[1]}"; {folder}/ sees {", ".join(seen)}')
        elif not (CSRC / found[1]).is_file():
            wrong.append(f'{name(path)}:{number} includes "{found[1]}", which is not there')
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("what", "pattern", "place"),
    [
        ("pybind11 and Python.h", r"#\s*include\s*[<\"](pybind11/|Python\.h)", "csrc/bindings/pybind.h"),
        ("OpenMP", r"#\s*pragma\s+omp\b|_Pragma\s*\(\s*\"omp\b|#\s*include\s*<omp\.h>", "csrc/base/parallel"),
    ],
)
def test_libraries_stay_in_their_place(what: str, pattern: str, place: str) -> None:
    wrong = [
        f"{name(path)}:{number}: {what} only in {place}*"
        for path, number, _ in matches(pattern, cpp_files(CSRC))
        if not name(path).startswith(place)
    ]
    assert not wrong, "\n".join(wrong)


def test_ops_are_called_by_name_only_where_they_are_seen() -> None:
    """A string would hide that a folder uses what stands below it."""
    folders = [CSRC / f for f in FOLDERS if f not in ("ops", "bindings")]
    wrong = [
        f"{name(path)}:{number}: {found[0]}"
        for path, number, found in matches(r"\bfind_op\(\"", cpp_files(*folders))
    ]
    assert not wrong, "\n".join(wrong)


def level_of(module: str) -> int:
    """Level of a top-level module of the package."""
    for level, names in enumerate(LEVELS):
        if module in names:
            return level
    wild = "_*" if module.startswith("_") else "*"
    return next(level for level, names in enumerate(LEVELS) if wild in names)


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level module ("" for the package) of each import of the package, save for types only."""
    parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes.extend(node.orelse)
            continue
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = parts[: -node.level] if node.level else []
            source = ".".join([*base, node.module] if node.module else base)
            # `from backsweep import nn` names modules, `from backsweep.nn import Linear` does not.
            targets = [source]
            if source == "backsweep":
                targets = [f"{source}.{alias.name}" for alias in node.names]
        for target in targets:
            package, _, rest = target.partition(".")
            if package == "backsweep":
                yield node.lineno, rest.partition(".")[0]  # type: ignore[attr-defined]
        nodes.extend(ast.iter_child_nodes(node))


def is_module(module: str) -> bool:
    return module == "_core" or (PACKAGE / module).is_dir() or (PACKAGE / f"{module}.py").is_file()


def test_python_imports_point_upward_only() -> None:
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if level_of(module) == len(LEVELS) - 1:
            continue
        for line, target in imported_modules(path):
            if not is_module(target):
                wrong.append(f"{name(path)}:{line} imports the package itself (or backsweep.{target})")
            elif target != module and level_of(target) > level_of(module):
                wrong.append(f"{name(path)}:{line} imports backsweep.{target}, which stands above {module}")
    assert not wrong, "\n".join(wrong)


def test_no_file_is_too_long() -> None:
    python = [path for folder in (PACKAGE, ROOT / "tests", ROOT / "bench") for path in folder.rglob("*.py")]
    long = {
        name(path): lines
        for path in [*cpp_files(CSRC, ROOT / "bench"), *python]
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long, f"over {MAX_LINES} lines, so look for the seam and split: {long}"


def test_compiler_flags_keep_the_bits() -> None:
    """No flag that changes results, the whole process's rounding mode, or binds a build to one machine."""
    files = [ROOT / "CMakeLists.txt", ROOT / "pyproject.toml", *ROOT.glob("csrc/**/CMakeLists.txt")]
    banned = r"-ffast-math|-Ofast|-funsafe-math|-fassociative-math|-march=native|-mcpu=native|-mtune=native"
    assert [f"{name(path)}:{number}" for path, number, _ in matches(banned, files)] == []
    assert "-ffp-contract=off" in files[0].read_text(encoding="utf-8")


def test_version_is_stated_once() -> None:
    """In _version.py; the build reads it from there, and the installed package and its C++ core agree."""
    import importlib.metadata

    import backsweep
    from backsweep import _core

    source = (PACKAGE / "_version.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    # After a change of the version an editable install must be built anew to pass here.
    assert backsweep.__version__ == importlib.metadata.version("backsweep") == version
    assert getattr(_core, "__version__", version) == version
    stated = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.])")
    files = [ROOT / "pyproject.toml", ROOT / "CMakeLists.txt", *PACKAGE.rglob("*.py"), *cpp_files(CSRC)]
    elsewhere = [
        name(path)
        for path in files
        if path.name != "_version.py"
        and any("version" in line.lower() and stated.search(line) for line in path.read_text().splitlines())
    ]
    assert elsewhere == []
