"""The document of a comparison as one figure: a bar for each engine, operation and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from comparison_tables import COSTS
from documents import Document, heading_rows
from engines.engine import Operation
from results import Status
from sizes import megabytes
from svg import Drawing

_WIDTH = 1000
_MARGIN = 20
_NAME_WIDTH = 96
_ROW_HEIGHT = 19
_BAR_HEIGHT = 12
_VALUE_WIDTH = 104
_COLUMN_GAP = 14
_RATIO_MAX = 8.0
"""Bars that are longer than so many times the subject's are broken, so that it stays visible."""

_TITLES = {
    "wall_seconds": "Time",
    "cpu_seconds": "CPU",
    "peak_rss_bytes": "Memory",
}
_SIZE_TITLES = {
    "repository_first": "after the first snapshot",
    "repository_last": "after all operations",
    "repository_allocated": "blocks on disk",
    "home": "caches beside it",
}


@dataclass(frozen=True)
class _Chart:
    """One small chart: a value and its ratio for each engine (None: it has none)."""

    title: str
    show: Callable[[float], str]
    figures: Sequence[Document | None]


def draw_comparison(document: Document) -> str:
    """Return the figure as an SVG document."""
    engines = [engine for engine in document["engines"] if engine["status"] == Status.DONE]
    names = ", ".join(str(engine["name"]) for engine in engines[1:])
    title = f"{document['engines'][0]['name']} beside {names}"
    drawing = Drawing(_WIDTH, title)
    y = _draw_heading(drawing, document, title)
    for panel, charts in _panels(document, engines):
        y = _draw_panel(drawing, y, panel, charts, engines)
    return drawing.finish(_draw_foot(drawing, y, document, engines))


def _panels(document: Document, engines: Sequence[Document]) -> list[tuple[str, list[_Chart]]]:
    panels = []
    for _, cost, show in COSTS:
        charts = [
            _Chart(
                Operation(name).label,
                show,
                [engine["operations"].get(name, {}).get(cost) for engine in engines],
            )
            for name in document["operations"]
        ]
        panels.append((_TITLES[cost], charts))
    sizes = [
        _Chart(title, megabytes, [engine["sizes"][size] for engine in engines])
        for size, title in _SIZE_TITLES.items()
    ]
    return [*panels, ("Repository", sizes)]


def _draw_heading(drawing: Drawing, document: Document, title: str) -> float:
    drawing.text(_MARGIN, 34, title, size=18, bold=True)
    corpora = " + ".join(corpus["name"] for corpus in document["corpora"])
    subject = document["engines"][0]["name"]
    files = sum(corpus["files"] for corpus in document["corpora"])
    size_bytes = sum(corpus["apparent_bytes"] for corpus in document["corpora"])
    drawing.text(
        _MARGIN,
        54,
        f"{corpora}: {files:,} files, {megabytes(size_bytes)}; medians of {document['runs']} runs,"
        f" memory is the largest; ×: over {subject}'s; shorter is better",
        colour="faint",
    )
    return 66


def _draw_panel(
    drawing: Drawing, y: float, title: str, charts: Sequence[_Chart], engines: Sequence[Document]
) -> float:
    """Draw charts beside each other, their rows in line, and return where the next panel begins."""
    drawing.rule(y, _MARGIN, _WIDTH - 2 * _MARGIN)
    drawing.text(_MARGIN, y + 22, title, size=14, bold=True)
    columns = max(4, len(charts))
    first = _MARGIN + _NAME_WIDTH
    column_width = (_WIDTH - _MARGIN - first) / columns
    rows_begin = y + 32
    for row, engine in enumerate(engines):
        baseline = rows_begin + row * _ROW_HEIGHT + _BAR_HEIGHT - 1
        is_subject = row == 0
        colour = "text" if is_subject else "faint"
        drawing.text(_MARGIN, baseline, engine["name"], colour=colour, bold=is_subject)
    for column, chart in enumerate(charts):
        x = first + column * column_width
        drawing.text(x, y + 22, chart.title, colour="faint")
        room = column_width - _VALUE_WIDTH - _COLUMN_GAP
        _draw_bars(drawing, x, rows_begin, room, chart, engines)
    return rows_begin + len(engines) * _ROW_HEIGHT + 8


def _draw_bars(
    drawing: Drawing, x: float, y: float, room: float, chart: _Chart, engines: Sequence[Document]
) -> None:
    values = [None if figure is None else figure["value"] for figure in chart.figures]
    longest = max((value for value in values if value is not None), default=0.0)
    limit = min(longest, _RATIO_MAX * values[0]) if values and values[0] else longest
    for row, (engine, figure, value) in enumerate(zip(engines, chart.figures, values, strict=True)):
        top = y + row * _ROW_HEIGHT
        baseline = top + _BAR_HEIGHT - 1
        if figure is None or value is None:
            drawing.text(x, baseline, "–", colour="faint")
            continue
        length = max(1.0, room * min(1.0, value / limit)) if value else 0.0
        drawing.bar(x, top, length, _BAR_HEIGHT, colour=engine["role"])
        if value > limit:
            drawing.gap(x + length - 16, top, _BAR_HEIGHT)
        ratio = figure["ratio"]
        label = chart.show(value)
        if row and ratio is not None:
            label += f" · {ratio:.1f}×" if ratio >= 0.95 else f" · {ratio:.2f}×"
        drawing.text(x + length + 5, baseline, label, size=11, bold=row == 0)


def _draw_foot(
    drawing: Drawing, y: float, document: Document, engines: Sequence[Document]
) -> float:
    drawing.rule(y, _MARGIN, _WIDTH - 2 * _MARGIN)
    versions = ", ".join(_version(engine) for engine in engines)
    head = dict(heading_rows(document))
    lines = (
        versions,
        head["machine"],
        f"commit {head['commit']}, {head['date']}; broken bars go beyond {_RATIO_MAX:g}×",
    )
    for number, line in enumerate(lines):
        drawing.text(_MARGIN, y + 20 + number * 16, line, colour="faint", size=11)
    return y + 20 + len(lines) * 16


def _version(engine: Document) -> str:
    """Return name and version of an engine, without those of its libraries."""
    version = str(engine["version"]).partition(",")[0].removeprefix(f"{engine['name']} ")
    return f"{engine['name']} {version}" if engine["name"] != "tar-zstd" else str(engine["version"])
