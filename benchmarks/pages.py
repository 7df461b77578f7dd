"""Writes the page and the figure of a benchmark anew from its JSON document.

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
from sections import as_page


def write_pages(stem: Path, document: Document) -> None:
    """Write `stem`.json and .md, and .svg if the document is a comparison."""
    name, figure = stem.with_name(f"{stem.name}.json"), None
    write_document(name, document)
    if "operations" in document:
        figure = stem.with_name(f"{stem.name}.svg")
        figure.write_text(draw_comparison(document), encoding="utf-8")
    page = as_page(document, name.name, figure.name if figure else None)
    stem.with_name(f"{stem.name}.md").write_text(page, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages of documents that are there; return 0, or 2 if one cannot be read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("documents", nargs="+", type=Path, metavar="FILE.json")
    for path in parser.parse_args(arguments).documents:
        try:
            write_pages(path.with_suffix(""), read_document(path))
        except (OSError, ValueError, KeyError) as error:
            print(f"{path}: {error!r}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    exit_with(main)
