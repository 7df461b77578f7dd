"""Replays a month of a host's logs, with rotation and compression, to engines in turn.

FOLDER holds rotated logs, plain or .gz: NAME.1, NAME.2.gz, NAME-20240131.gz, Zeek's current/ and
dated folders, any mixture of them at any depth. Each file is a day of its log; a log that is one
file is cut into days. Nothing is written there.

From them a host is replayed: its logs grow through the day, are rotated by rename at midnight,
compressed one day later (gzip -6, or the very .gz the text came from) and deleted in the end.
After each step every engine takes a snapshot, and once a week it tidies its repository up as its
manual says (prune, compact), with a policy that keeps all. Then every snapshot of dedupstore is
restored and compared, and the last one of each peer. Printed are time, CPU time, memory, sizes,
what was read, each with its ratio, and whether the bars hold. Exits with 0 if all that was restored
is right, even where a bar is missed, with 1 if a snapshot of dedupstore failed or is wrong, with 2
for bad usage.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from month_replay import NoLogs, Plan, replay_month
from month_results import as_document, judge_month
from options import (
    ARCHIVERS,
    SUBJECT,
    add_programs,
    add_results,
    add_work,
    archivers,
    count,
    exit_with,
    some_of,
)
from pages import write_pages
from rotated_logs import open_logs
from sections import as_text
from steps import work_folder

MONTH_DAYS = 30
QUICK_DAYS = 4
KEPT_DAYS = 14
QUICK_KEPT_DAYS = 2
UPKEEP_DAYS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the replay; return 0 if every snapshot of dedupstore is right, 1 if not, 2 for usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        sources = [open_logs(path) for path in options.folders]
    except OSError as error:
        parser.error(str(error))
    if len({source.name for source in sources}) < len(sources):
        parser.error("two folders have the same name")
    engines = archivers(options)
    try:
        with work_folder(options.work) as work:
            month = replay_month(
                Plan(
                    engines=[engines[name] for name in (SUBJECT, *options.peers)],
                    sources=sources,
                    days=options.days or (QUICK_DAYS if options.quick else MONTH_DAYS),
                    snapshots_a_day=options.snapshots_a_day,
                    keep_days=options.keep_days
                    or (QUICK_KEPT_DAYS if options.quick else KEPT_DAYS),
                    upkeep_days=options.upkeep_days,
                    seed=options.seed,
                    work=work,
                )
            )
    except NoLogs as error:
        parser.error(str(error))
    document = as_document(month, judge_month(month))
    if options.results:
        write_pages(options.results, document)
    print(as_text(document))
    return 0 if month.subject.sound else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/month",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="rotated logs, .gz or plain"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_DAYS} days, {QUICK_KEPT_DAYS} rotated files kept, to see that all works",
    )
    parser.add_argument(
        "--days", type=count(1), help=f"days to replay (default {MONTH_DAYS}, with --quick less)"
    )
    parser.add_argument(
        "--snapshots-a-day", type=count(1), default=4, help="steps of a day (default 4)"
    )
    parser.add_argument(
        "--keep-days",
        type=count(2),
        help=f"rotated files kept of a log (default {KEPT_DAYS}, with --quick less)",
    )
    parser.add_argument(
        "--upkeep-days",
        type=count(0),
        default=UPKEEP_DAYS,
        metavar="N",
        help=f"tidy up every N days (default {UPKEEP_DAYS}; 0: never)",
    )
    parser.add_argument("--seed", type=int, default=1, help="how texts are cut (default 1)")
    parser.add_argument(
        "--peers",
        type=some_of(ARCHIVERS),
        default=list(ARCHIVERS),
        help=f"some of {','.join(ARCHIVERS)} (default all)",
    )
    add_results(parser)
    add_work(parser)
    add_programs(parser)
    return parser


if __name__ == "__main__":
    exit_with(main)
