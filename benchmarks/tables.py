"""The comparison as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bars import MemoryBar, Verdict
from results import Comparison, EngineResult, Status, Storage, ratio
from sizes import megabytes

_ABSENT = "-"


def render(comparison: Comparison, verdicts: Sequence[Verdict]) -> str:
    """Return heading, table of medians and ratios, engines with versions, and bars."""
    return "\n".join(
        [
            *_heading(comparison),
            "",
            *align(_table(comparison)),
            "",
            *(_engine_line(engine) for engine in comparison.engines),
            "",
            *(_verdict_line(verdict) for verdict in verdicts),
        ]
    )


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _heading(comparison: Comparison) -> list[str]:
    corpora = ", ".join(
        f"{corpus.name} ({corpus.footprint.files} files, "
        f"{megabytes(corpus.footprint.apparent_bytes)})"
        for corpus in comparison.corpora
    )
    machine = comparison.machine
    return [
        f"corpus   {corpora}",
        f"machine  {machine['processor']}, {machine['cores']} cores, {machine['system']}",
        f"commit   {comparison.project['commit'] or 'none'}"
        + (" with changes" if comparison.project["modified"] else ""),
        f"runs     {comparison.runs}; times and sizes are medians, peak memory is the largest",
        f"x        the engine's value over {comparison.subject.name}'s",
    ]


def _table(comparison: Comparison) -> list[list[str]]:
    engines = [engine for engine in comparison.engines if engine.measurements]
    subject = comparison.subject
    header = [""]
    for engine in engines:
        name = engine.name if engine.status is Status.DONE else f"{engine.name} ({engine.status})"
        header += [name] if engine is subject else [name, "x"]
    rows = [header]
    for prefix, show, cost in _COSTS:
        for operation in comparison.operations:
            values = [(engine, cost(engine, operation)) for engine in engines]
            rows.append(_row(prefix + operation.label, show, values, subject))
    for title, size in _SIZES:
        values = [(engine, engine.storage_bytes(size)) for engine in engines]
        rows.append(_row(title, megabytes, values, subject))
    return rows


def _row(
    title: str,
    show: Callable[[float], str],
    values: Sequence[tuple[EngineResult, float | None]],
    subject: EngineResult,
) -> list[str]:
    subject_value = next((value for engine, value in values if engine is subject), None)
    row = [title]
    for engine, value in values:
        row.append(_ABSENT if value is None else show(value))
        if engine is not subject:
            share = ratio(value, subject_value)
            row.append(_ABSENT if share is None else f"{share:.2f}")
    return row


def show_seconds(seconds: float) -> str:
    """Return a time in seconds as tables show it."""
    return f"{seconds:.2f} s"


_COSTS = (
    ("", show_seconds, EngineResult.wall_seconds),
    ("CPU, ", show_seconds, EngineResult.cpu_seconds),
    ("peak memory, ", megabytes, EngineResult.peak_rss_bytes),
)


def _repository_first(storage: Storage) -> int:
    return storage.repository_first.apparent_bytes


def _repository_last(storage: Storage) -> int:
    return storage.repository_last.apparent_bytes


def _repository_allocated(storage: Storage) -> int:
    return storage.repository_last.allocated_bytes


def _home(storage: Storage) -> int:
    return storage.home.apparent_bytes


_SIZES = (
    ("repository, first snapshot", _repository_first),
    ("repository, all operations", _repository_last),
    ("repository, blocks on disk", _repository_allocated),
    ("caches beside it", _home),
)


def _engine_line(engine: EngineResult) -> str:
    if engine.status is not Status.DONE:
        return f"{engine.name}: {engine.status}: {engine.reason}"
    proof = {True: "restored byte for byte", False: "restore differs", None: "restore not compared"}
    return f"{engine.name}: {engine.version}; {engine.settings}; {proof[engine.restored_equal]}"


def _verdict_line(verdict: Verdict) -> str:
    if verdict.value is None:
        return f"[ ?  ] {verdict.title}: not measured"
    value = (
        megabytes(verdict.value) if isinstance(verdict.bar, MemoryBar) else f"{verdict.value:.2f}"
    )
    return f"[{'pass' if verdict.met else 'MISS'}] {verdict.title}: {value}"
