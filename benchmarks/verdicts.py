"""Puts the verdicts of several runs of a benchmark side by side, and tells whether they agree.

Takes the JSON documents of benchmarks/compare, or of any other benchmark with bars. Exits with 0 if
every bar has the same verdict in all of them, with 1 if not, with 2 if a document cannot be read.
What is only aimed at may differ.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from documents import Document, read_document
from options import exit_with
from sizes import megabytes
from tables import align, as_markdown
from verdict import Verdict, verdicts_of

_AGREE = "yes"
_DIFFER = "NO"
_AIM = "aim only"
_SAME_START = datetime.timedelta(minutes=5)
"""Clocks are adjusted while a machine runs, and with them the time at which it was started."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the runs, their verdicts and whether these agree."""
    options = _parser().parse_args(arguments)
    try:
        documents = [read_document(path) for path in options.documents]
        verdicts = [verdicts_of(document) for document in documents]
    except (OSError, ValueError, KeyError) as error:
        print(f"error: {error!r}", file=sys.stderr)
        return 2
    rows = _verdict_rows(verdicts)
    for table in (_run_rows(documents), rows):
        lines = as_markdown(table) if options.markdown else align(table, rights=False)
        print("\n".join(lines), end="\n\n")
    differing = [row[0] for row in rows[1:] if row[-1] == _DIFFER]
    print(_conclusion(documents, differing))
    return 1 if differing else 0


def _run_rows(documents: Sequence[Document]) -> list[list[str]]:
    numbers = range(1, len(documents) + 1)
    return [
        ["", *(f"run {number}" for number in numbers)],
        ["begun", *(str(document["started"]) for document in documents)],
        ["machine running since", *(str(_booted(document)) for document in documents)],
        ["load at the start", *(f"{d['machine']['load_average']:.2f}" for d in documents)],
        ["commit", *(_commit(document) for document in documents)],
        ["data", *(_data(document) for document in documents)],
        ["repetitions", *(str(document.get("runs", "-")) for document in documents)],
    ]


def _verdict_rows(runs: Sequence[Sequence[Verdict]]) -> list[list[str]]:
    """Return a row for each bar; the last cell says whether all runs have the same verdict."""
    rows = [["", "bar", *(f"run {number}" for number in range(1, len(runs) + 1)), "agree"]]
    by_title = [{verdict.title: verdict for verdict in run} for run in runs]
    for title in dict.fromkeys(verdict.title for run in runs for verdict in run):
        found = [verdicts.get(title) for verdicts in by_title]
        bars = {verdict.shown_bar() for verdict in found if verdict is not None}
        rows.append(
            [
                title,
                " / ".join(sorted(bars)),
                *(_cell(verdict) for verdict in found),
                _agreement(found),
            ]
        )
    return rows


def _agreement(found: Sequence[Verdict | None]) -> str:
    """Tell whether all runs hold a value to the same bar with the same result."""
    if all(verdict is not None and verdict.bar is None for verdict in found):
        return _AIM
    results = {(verdict.bar, verdict.met) for verdict in found if verdict is not None}
    one_result = len(results) == 1 and None not in found
    return _AGREE if one_result and all(met is not None for _, met in results) else _DIFFER


def _cell(verdict: Verdict | None) -> str:
    return "-" if verdict is None else f"{verdict.shown_value()} {verdict.state()}"


def _conclusion(documents: Sequence[Document], differing: Sequence[str]) -> str:
    days = len({document["started"][:10] for document in documents})
    starts = _starts(documents)
    runs = f"{len(documents)} runs on {days} days, after {starts} starts of the machine"
    if differing:
        return f"{runs}: {len(differing)} verdicts differ or are missing"
    return f"{runs}: all verdicts agree"


def _starts(documents: Sequence[Document]) -> int:
    """Count how often the machine was started, as far as the documents know."""
    known = sorted(filter(None, map(_booted, documents)))
    times = [datetime.datetime.fromisoformat(text) for text in known]
    return sum(
        number == 0 or time - times[number - 1] > _SAME_START for number, time in enumerate(times)
    )


def _booted(document: Document) -> str | None:
    booted: str | None = document["machine"].get("booted")
    return booted


def _commit(document: Document) -> str:
    project = document["project"]
    return f"{(project['commit'] or 'none')[:12]}{' changed' if project['modified'] else ''}"


def _data(document: Document) -> str:
    corpora = document.get("corpora", ())
    files = sum(corpus["files"] for corpus in corpora)
    size_bytes = sum(corpus["apparent_bytes"] for corpus in corpora)
    return f"{files:,} files, {megabytes(size_bytes)}" if corpora else "-"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/verdicts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("documents", nargs="+", type=Path, metavar="FILE.json")
    parser.add_argument("--markdown", action="store_true", help="print tables for a page")
    return parser


if __name__ == "__main__":
    exit_with(main)
