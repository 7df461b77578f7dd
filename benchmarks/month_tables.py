"""The replay of a month as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from documents import heading_rows
from month_results import EngineMonth, Month
from results import Status, ratio
from sizes import megabytes
from tables import align, show_seconds
from verdict import Verdict, verdict_rows

_ABSENT = "-"
_Value = Callable[[EngineMonth], float | None]


def render_month(month: Month, verdicts: Sequence[Verdict]) -> str:
    """Return heading, table of totals and ratios, engines with versions, and bars."""
    return "\n".join(
        [
            *_heading(month),
            "",
            *align(_table(month)),
            "",
            *_reading(month),
            "",
            *(_engine_line(engine, month) for engine in month.engines),
            "",
            *align(verdict_rows(verdicts), rights=False),
        ]
    )


def _heading(month: Month) -> list[str]:
    sources = ", ".join(
        f"{source.name} ({source.footprint.files} files, "
        f"{megabytes(source.footprint.apparent_bytes)})"
        for source in month.sources
    )
    rows = [
        ["sources", sources],
        [
            "replay",
            f"{month.logs} logs, {month.days} days, {month.snapshots_a_day} snapshots a "
            f"day, {month.keep_days} rotated files kept, "
            + (f"upkeep every {month.upkeep_days} days, " if month.upkeep_days else "no upkeep, ")
            + f"seed {month.seed}",
        ],
        *([name, text] for name, text in heading_rows(month.head.as_document())),
        ["x", f"the engine's value over {month.subject.name}'s"],
    ]
    return align(rows, rights=False)


def _table(month: Month) -> list[list[str]]:
    engines = [engine for engine in month.engines if engine.costs]
    header = [f"{len(month.steps)} snapshots"]
    for engine in engines:
        name = engine.name if engine.sound else f"{engine.name} ({engine.status})"
        header += [name] if engine is month.subject else [name, "x"]
    rows = [header]
    for title, show, value in _ROWS:
        row = [title]
        for engine in engines:
            measured = value(engine)
            row.append(_ABSENT if measured is None else show(measured))
            if engine is not month.subject:
                share = ratio(measured, value(month.subject))
                row.append(_ABSENT if share is None else f"{share:.2f}")
        rows.append(row)
    return rows


def _home_bytes(engine: EngineMonth) -> float | None:
    return engine.home.apparent_bytes if engine.home else None


_ROWS: tuple[tuple[str, Callable[[float], str], _Value], ...] = (
    ("time, all", show_seconds, EngineMonth.wall_seconds),
    ("of it upkeep", show_seconds, EngineMonth.upkeep_wall_seconds),
    ("time, median", show_seconds, EngineMonth.wall_seconds_median),
    ("CPU, all", show_seconds, EngineMonth.cpu_seconds),
    ("peak memory", megabytes, EngineMonth.peak_rss_bytes),
    ("repository", megabytes, EngineMonth.repository_bytes),
    ("caches beside it", megabytes, _home_bytes),
)


def _reading(month: Month) -> list[str]:
    reported = month.subject.reported
    files = sum(step.bytes for step in month.steps)
    said = ", ".join(
        f"{name} {megabytes(size) if name.startswith('bytes') else format(size, ',')}"
        for name, size in reported.items()
    )
    lines = [
        (
            f"new on the host: {megabytes(month.new_text_bytes)} of text, "
            f"{megabytes(month.new_gz_bytes)} of .gz; in all files of all snapshots: "
            f"{megabytes(files)}"
        ),
        f"{month.subject.name} reported: {said or 'nothing'}",
    ]
    read_bytes = reported.get("bytes_read")
    of_all, of_text = ratio(read_bytes, month.new_bytes), ratio(read_bytes, month.new_text_bytes)
    if of_all is not None and of_text is not None:
        lines.append(f"read: {of_all:.3f} of text and .gz, {of_text:.3f} of the text alone")
    return lines


def _engine_line(engine: EngineMonth, month: Month) -> str:
    if engine.status is not Status.DONE:
        return f"{engine.name}: {engine.status}: {engine.reason}"
    proof = f"{engine.snapshots_restored_equal} of {len(month.steps)} snapshots"
    return f"{engine.name}: {engine.version}; {engine.settings}; restored, compared: {proof}"
