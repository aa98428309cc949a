"""README.md does what it says: its API example runs; .ci/run runs its two marked commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_python_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = blocks("python")
    monkeypatch.chdir(tmp_path)  # the example writes a file
    exec(compile(source, str(README), "exec"), {"__name__": "readme"})
    assert (tmp_path / "digits.safetensors").stat().st_size > 0


def test_example_is_short() -> None:
    (source,) = blocks("python")
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 20


@pytest.mark.parametrize("mark", ["install-and-run", "test-command"])
def test_marked_command(mark: str) -> None:
    found = re.findall(rf"<!-- {mark} -->\s*```bash\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    assert len(found[0].strip().splitlines()) == 1, "one command each"


def test_named_paths_exist() -> None:
    root, text = README.parent, README.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:csrc|python|tests|bench|\.ci)(?:/[\w./]+)?)`", text)
    assert "tests/oracles" in paths
    assert [path for path in paths if not (root / path).exists()] == []


def test_nothing_is_left_to_fill_in() -> None:
    for path in (README, *sorted((README.parent / "docs").glob("*.md"))):
        assert not re.search(r"\b(SPEED|TODO|FIXME|TBD)\b", path.read_text(encoding="utf-8")), path.name
