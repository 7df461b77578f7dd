"""The parts of a page with results: whatever a document of a benchmark holds, as tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from comparison_tables import comparison_heading, comparison_rows, engine_lines
from documents import Document, heading_rows
from month_tables import month_engine_lines, month_heading, month_rows, reading_lines
from sizes import megabytes
from tables import align, as_markdown, show_seconds
from verdict import verdict_rows, verdicts_of

_HOURS_PER_YEAR = 24 * 365


@dataclass(frozen=True)
class Section:
    """A table, of which the first row is the heading, and lines below it."""

    title: str
    rows: Sequence[Sequence[str]]
    lines: Sequence[str] = ()
    is_text: bool = False
    """Whether the cells are texts rather than figures, which stand to the right."""


def as_text(document: Document) -> str:
    """Return all that a document says, for a terminal."""
    blocks = []
    for section in sections(document):
        lines = align(section.rows, rights=not section.is_text)
        blocks.append("\n".join(filter(None, lines)))
        if section.lines:
            blocks.append("\n".join(section.lines))
    return "\n\n".join(blocks)


def as_page(document: Document, name: str, figure: str | None) -> str:
    """Return all that a document says as a page in Markdown.

    `name` is that of the JSON document beside it, `figure` of the one that is shown (None: none).
    """
    lines = [
        f"# {document['title']}",
        "",
        f"Made by `{document['command']}`; every single run is in [{name}]({name}).",
        "",
    ]
    if figure:
        lines += [f"![Time, CPU, memory and repository of every engine]({figure})", ""]
    for number, section in enumerate(sections(document)):
        if number:
            lines += [f"## {section.title}", ""]
        lines += [*as_markdown(section.rows), ""]
        if section.lines:
            lines += [*(f"* {line}" for line in section.lines), ""]
    return "\n".join(lines)


def sections(document: Document) -> Iterator[Section]:
    """Yield what the document holds, in the order of reading; the first says what and where."""
    for key, heading in _HEADINGS.items():
        if key in document:
            rows = [["", ""], *([name, text] for name, text in heading(document))]
            yield Section("", rows, is_text=True)
            break
    if document["bars"]:
        yield Section("Bars", verdict_rows(verdicts_of(document)), is_text=True)
    for key, make in _SECTIONS.items():
        if document.get(key):
            yield make(document)


def _plain_heading(document: Document) -> list[tuple[str, str]]:
    rows = heading_rows(document)
    if "dedupstore" in document:
        rows.append(("dedupstore", document["dedupstore"]))
    if "data_bytes" in document:
        data = f"{megabytes(document['data_bytes'])}; medians of {document['runs']}"
        rows.append(("data", data))
    return rows


def _comparison(document: Document) -> Section:
    return Section("Measured", comparison_rows(document), engine_lines(document))


def _month(document: Document) -> Section:
    lines = [*reading_lines(document), *month_engine_lines(document)]
    return Section("Measured", month_rows(document), lines)


def _start_up(document: Document) -> Section:
    rows = [["medians", "time", "fastest", "CPU"]]
    for name, runs in document["start_up"].items():
        walls = [run["wall_seconds"] for run in runs]
        cpu = statistics.median(run["user_seconds"] + run["system_seconds"] for run in runs)
        seconds = (statistics.median(walls), min(walls), cpu)
        rows.append([name, *(f"{value * 1000:.0f} ms" for value in seconds)])
    return Section("Start-up", rows)


def _peaks(document: Document) -> Section:
    cases = document["cases"]
    by_title = [{step["title"]: step for step in case["steps"]} for case in cases]
    rows = [["", *(case["title"] for case in cases)]]
    for title in dict.fromkeys(title for steps in by_title for title in steps):
        rows.append([title, *(_peak(steps[title]) for steps in by_title)])
    floor = megabytes(document["peak_rss_floor_bytes"])
    lines = [
        f"less than {floor} cannot be seen",
        "in brackets: what of it was private; the rest is mapped from files, such as the index",
    ]
    return Section("Peak memory of dedupstore", rows, lines)


def _peak(step: Document) -> str:
    cost = step["cost"]
    if cost is None:
        return str(step["failure"])
    private_bytes = cost["peak_private_bytes"]
    private = "-" if private_bytes is None else megabytes(private_bytes)
    return f"{megabytes(cost['peak_rss_bytes'])} ({private})"


def _snapshots(document: Document) -> Section:
    """Return what one snapshot after another of the same log cost, and what a year of them adds."""
    steps = document["snapshots"]
    growth = ("repository growth", "of it index", "peak memory")
    rows = [["", "time", "read", "new", "stored", *growth], *map(_snapshot_row, steps)]
    unchanged = next(step for step in steps if step["title"] == "unchanged again")
    year_bytes = unchanged["repository_growth_bytes"] * _HOURS_PER_YEAR
    line = f"a year of unchanged hourly snapshots adds {megabytes(year_bytes)}"
    return Section("Snapshots", rows, [line] if unchanged["failure"] is None else [])


def _snapshot_row(step: Document) -> list[str]:
    if step["cost"] is None:
        return [step["title"], str(step["failure"]), *[""] * 6]
    reported = (step["reported"].get(name) for name in ("bytes_read", "bytes_new", "bytes_stored"))
    return [
        step["title"],
        show_seconds(step["cost"]["wall_seconds"]),
        *("-" if number is None else f"{number:,}" for number in reported),
        f"{step['repository_growth_bytes']:,}",
        f"{step['index_growth_bytes']:,}",
        megabytes(step["cost"]["peak_rss_bytes"]),
    ]


def _speeds(document: Document) -> Section:
    """Return a row for each speed; `x` is how many times that of its group's first it is."""
    rows = [["", "median", "slowest", "fastest", "", "x", ""]]
    first: dict[str, float] = {}
    for speed in document["speeds"]:
        first.setdefault(speed["group"], speed["median"])
        name = f"{speed['group']}: {speed['name']}"
        name += " (yardstick)" if speed["is_yardstick"] else ""
        figures = (f"{speed[key]:.3g}" for key in ("median", "slowest", "fastest"))
        share = f"{speed['median'] / first[speed['group']]:.2f}"
        rows.append([name, *figures, speed["unit"], share, speed["note"]])
    return Section("Parts, each on one thread", rows)


def _chunk_sizes(document: Document) -> Section:
    sizes = document["chunk_sizes"]
    return Section("Chunks", [["", ""], *([key, f"{sizes[key]:.5g}"] for key in sizes)])


_HEADINGS: dict[str, Callable[[Document], Sequence[tuple[str, str]]]] = {
    "corpora": comparison_heading,
    "sources": month_heading,
    "started": _plain_heading,
}
"""By a key of the document, the most telling first."""

_SECTIONS: dict[str, Callable[[Document], Section]] = {
    "operations": _comparison,
    "steps": _month,
    "start_up": _start_up,
    "cases": _peaks,
    "snapshots": _snapshots,
    "speeds": _speeds,
    "chunk_sizes": _chunk_sizes,
}
"""By the key of the document that holds what the section shows."""
