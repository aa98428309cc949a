"""docs/from-pytorch.md: its blocks run, one after the other, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "from-pytorch.md"


def test_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    assert len(found) > 5
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    names: dict[str, Any] = {"__name__": "page"}
    for block in found:
        # Errors name the line of the page.
        lines = "\n" * text.count("\n", 0, block.start(1)) + block[1]
        exec(compile(lines, str(PAGE), "exec"), names)
    assert (tmp_path / "checkpoint.pt").stat().st_size > 0
    assert re.match(r"epoch 1: \d\.\d{4}$", capsys.readouterr().out)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([\w.-]+\.md)\)", PAGE.read_text(encoding="utf-8"))
    assert set(links) == {"differences.md", "compile.md"}
    assert all((PAGE.parent / link).exists() for link in links)
