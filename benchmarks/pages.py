"""Writes the page and the figure of a comparison, also anew from its JSON document.

python benchmarks/pages.py FILE.json...
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from documents import Document, read_document, write_document
from figure import draw_comparison
from options import exit_with
from tables import (
    as_markdown,
    comparison_heading,
    comparison_rows,
    engine_lines,
    verdicts_of,
)
from verdict import verdict_rows


def write_pages(stem: Path, document: Document) -> None:
    """Write `stem`.json, .md and .svg."""
    write_document(stem.with_name(f"{stem.name}.json"), document)
    figure = stem.with_name(f"{stem.name}.svg")
    figure.write_text(draw_comparison(document), encoding="utf-8")
    page = "\n".join(_page(document, stem.name))
    stem.with_name(f"{stem.name}.md").write_text(page, encoding="utf-8")


def _page(document: Document, name: str) -> list[str]:
    corpora = ", ".join(corpus["name"] for corpus in document["corpora"])
    origin = f"Made by `benchmarks/compare`; every single run is in [{name}.json]({name}.json)."
    return [
        f"# Side by side: {corpora}",
        "",
        origin,
        "",
        f"![Time, CPU, memory and repository of every engine]({name}.svg)",
        "",
        *as_markdown([["", ""], *([key, text] for key, text in comparison_heading(document))]),
        "",
        "## Bars",
        "",
        *as_markdown(verdict_rows(verdicts_of(document))),
        "",
        "## Measured",
        "",
        *as_markdown(comparison_rows(document)),
        "",
        *(f"* {line}" for line in engine_lines(document)),
        "",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages of documents that are there; return 0, or 2 if one cannot be read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("documents", nargs="+", type=Path, metavar="FILE.json")
    for path in parser.parse_args(arguments).documents:
        try:
            write_pages(path.with_suffix(""), read_document(path))
        except (OSError, ValueError, KeyError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    exit_with(main)
