"""The document of a replayed month as tables."""

from __future__ import annotations

from collections.abc import Callable

from documents import Document, heading_rows
from results import Status, ratio
from sizes import megabytes
from tables import show_seconds

_ABSENT = "-"


def month_heading(document: Document) -> list[tuple[str, str]]:
    """Return what was replayed, when and where, as names and texts."""
    sources = ", ".join(
        f"{source['name']} ({source['files']:,} files, {megabytes(source['apparent_bytes'])})"
        for source in document["sources"]
    )
    upkeep = document["upkeep_days"]
    replay = (
        f"{document['logs']} logs",
        f"{document['days']} days",
        f"{document['snapshots_a_day']} snapshots a day",
        f"{document['keep_days']} rotated files kept",
        f"upkeep every {upkeep} days" if upkeep else "no upkeep",
        f"seed {document['seed']}",
    )
    return [
        ("sources", sources),
        ("replay", ", ".join(replay)),
        *heading_rows(document),
        ("figures", f"in brackets: over {document['engines'][0]['name']}'s"),
    ]


def month_rows(document: Document) -> list[list[str]]:
    """Return what every engine took for all snapshots, a row for each cost."""
    engines = [engine for engine in document["engines"] if engine["costs"]]
    rows = [[f"{len(document['steps'])} snapshots", *map(_engine_title, engines)]]
    for title, show, key in _ROWS:
        row = [title]
        for engine in engines:
            value = engine[key]
            cell = _ABSENT if value is None else show(value)
            share = ratio(value, engines[0][key])
            row.append(cell if engine is engines[0] or share is None else f"{cell} ({share:.2f})")
        rows.append(row)
    return rows


_ROWS: tuple[tuple[str, Callable[[float], str], str], ...] = (
    ("time, all", show_seconds, "wall_seconds"),
    ("of it upkeep", show_seconds, "upkeep_wall_seconds"),
    ("time, median", show_seconds, "wall_seconds_median"),
    ("CPU, all", show_seconds, "cpu_seconds"),
    ("peak memory", megabytes, "peak_rss_bytes"),
    ("repository", megabytes, "repository_bytes"),
    ("caches beside it", megabytes, "home_bytes"),
)


def reading_lines(document: Document) -> list[str]:
    """Return what was new on the host, and what the subject says that it read."""
    subject = document["engines"][0]
    text_bytes, gz_bytes = document["new_text_bytes"], document["new_gz_bytes"]
    said = ", ".join(
        f"{name} {megabytes(size) if name.startswith('bytes') else format(size, ',')}"
        for name, size in subject["reported"].items()
    )
    files_bytes = sum(step["bytes"] for step in document["steps"])
    new = f"{megabytes(text_bytes)} of text, {megabytes(gz_bytes)} of .gz"
    lines = [
        f"new on the host: {new}; in all files of all snapshots: {megabytes(files_bytes)}",
        f"{subject['name']} reported: {said or 'nothing'}",
    ]
    read_bytes = subject["reported"].get("bytes_read")
    of_all, of_text = ratio(read_bytes, text_bytes + gz_bytes), ratio(read_bytes, text_bytes)
    if of_all is not None and of_text is not None:
        lines.append(f"read: {of_all:.3f} of text and .gz, {of_text:.3f} of the text alone")
    return lines


def month_engine_lines(document: Document) -> list[str]:
    """Return a line for each engine: its version and settings, and how much it restored."""
    return [_engine_line(engine, len(document["steps"])) for engine in document["engines"]]


def _engine_title(engine: Document) -> str:
    if engine["status"] == Status.DONE:
        return str(engine["name"])
    return f"{engine['name']} ({engine['status']})"


def _engine_line(engine: Document, snapshots: int) -> str:
    if engine["status"] != Status.DONE:
        return f"{engine['name']}: {engine['status']}: {engine['reason']}"
    proof = f"{engine['snapshots_restored_equal']} of {snapshots} snapshots"
    described = f"{engine['name']}: {engine['version']}; {engine['settings']}"
    return f"{described}; restored, compared: {proof}"
