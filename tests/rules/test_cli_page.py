"""docs/cli.md is made from the code."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_the_command_line_is_what_the_code_says() -> None:
    """docs/cli.md equals what tools/cli_page.py makes of the commands as they are."""
    made = runpy.run_path(str(ROOT / "tools" / "cli_page.py"))["cli_page"]()
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert made == written, "run: python tools/cli_page.py > docs/cli.md"
