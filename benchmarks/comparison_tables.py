"""The document of a comparison as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from documents import Document, heading_rows
from engines.engine import Operation
from results import Status
from sizes import megabytes
from tables import show_seconds

_ABSENT = "-"


def comparison_heading(document: Document) -> list[tuple[str, str]]:
    """Return what was measured, when and where, as names and texts."""
    corpora = ", ".join(
        f"{corpus['name']} ({corpus['files']:,} files, {megabytes(corpus['apparent_bytes'])})"
        for corpus in document["corpora"]
    )
    figures = (
        f"times and sizes are medians of {document['runs']}, peak memory is the largest, seen"
        f" from {megabytes(document['peak_rss_floor_bytes'])} on;"
        f" in brackets: over {document['engines'][0]['name']}'s"
    )
    return [
        ("data", corpora),
        *heading_rows(document),
        ("figures", figures),
    ]


def comparison_rows(document: Document) -> list[list[str]]:
    """Return what every engine took, a row for each operation and cost."""
    engines = [engine for engine in document["engines"] if engine["operations"]]
    rows = [["", *map(_engine_title, engines)]]
    for prefix, cost, show in COSTS:
        for name in document["operations"]:
            figures = [engine["operations"].get(name, {}).get(cost) for engine in engines]
            rows.append([prefix + Operation(name).label, *_cells(figures, show)])
    for title, size in SIZES:
        rows.append([title, *_cells([engine["sizes"][size] for engine in engines], megabytes)])
    return rows


def engine_lines(document: Document) -> list[str]:
    """Return a line for each engine: its version and settings, and whether it restored."""
    return [_engine_line(engine) for engine in document["engines"]]


COSTS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("", "wall_seconds", show_seconds),
    ("CPU, ", "cpu_seconds", show_seconds),
    ("peak memory, ", "peak_rss_bytes", megabytes),
)

SIZES = (
    ("repository, first snapshot", "repository_first"),
    ("repository, all operations", "repository_last"),
    ("repository, blocks on disk", "repository_allocated"),
    ("caches beside it", "home"),
)


def _engine_title(engine: Document) -> str:
    if engine["status"] == Status.DONE:
        return str(engine["name"])
    return f"{engine['name']} ({engine['status']})"


def _cells(figures: Sequence[Document | None], show: Callable[[float], str]) -> list[str]:
    """Return a row of values; those behind the first, which is the subject's, with their ratio."""
    cells = []
    for place, figure in enumerate(figures):
        if figure is None or figure["value"] is None:
            cells.append(_ABSENT)
        elif place == 0 or figure["ratio"] is None:
            cells.append(show(figure["value"]))
        else:
            cells.append(f"{show(figure['value'])} ({figure['ratio']:.2f})")
    return cells


def _engine_line(engine: Document) -> str:
    if engine["status"] != Status.DONE:
        return f"{engine['name']}: {engine['status']}: {engine['reason']}"
    proof = {True: "restored byte for byte", False: "restore differs", None: "restore not compared"}
    return (
        f"{engine['name']}: {engine['version']}; {engine['settings']};"
        f" {proof[engine['restored_equal']]}"
    )
