"""The options that say when packs are written anew, and what taking back room has done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from dedupstore.cli.quantities import PERCENT, SIZE, format_size
from dedupstore.cli.text import counted
from dedupstore.engine.reclaim.plan import PackUse, ReclaimOptions
from dedupstore.engine.reclaim.run import ReclaimReport
from dedupstore.format.pack import PackKind

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_DEFAULTS = ReclaimOptions()

_OPTIONS = (
    click.option(
        "--max-unused",
        type=PERCENT,
        default=f"{_DEFAULTS.unused_percent_max:g}%",
        show_default=True,
        help="How much of what is stored may be left unneeded in packs that are partly needed.",
    ),
    click.option(
        "--small-pack",
        type=SIZE,
        default=f"{_DEFAULTS.small_pack_bytes >> 20}MiB",
        show_default=True,
        help="Packs below this size are merged.",
    ),
    click.option(
        "--merge-packs",
        type=click.IntRange(2),
        default=_DEFAULTS.merge_packs_min,
        show_default=True,
        metavar="N",
        help="Merge small packs once there are N of a kind.",
    ),
    click.option("--dry-run", is_flag=True, help="Change nothing; show what would be done."),
)


def reclaim_options(command: _Decorated) -> _Decorated:
    """Add the options to a command, whose values ``given_reclaim_options`` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_reclaim_options(given: Mapping[str, Any]) -> ReclaimOptions:
    """Return what the options say.

    Raises:
        UsageError: a value is out of range.
    """
    return ReclaimOptions(given["max_unused"], given["small_pack"], given["merge_packs"])


def reclaim_json(report: ReclaimReport) -> dict[str, Any]:
    """Return what was done, or would be, as JSON fields."""
    return {
        "freed_bytes": report.bytes_freed,
        "swept": report.swept,
        "packs_dead": report.packs_dead,
        "packs_repacked": report.packs_repacked,
        "packs_recompressed": report.packs_recompressed,
        "packs_undecided": report.packs_undecided,
        "bytes_written": report.bytes_written,
        "bytes_left_over": report.bytes_left_over,
        "pieces_read": report.pieces_read,
        "chunks_lost": report.chunks_lost,
        "switch_seconds": round(report.switch_seconds, 6),
        "plan": {
            "dead": [_use_json(use) for use in report.plan.dead],
            "repack": [_use_json(use) for use in report.plan.repack],
        },
    }


def _use_json(use: PackUse) -> dict[str, Any]:
    return {
        "pack": use.pack.id.hex(),
        "kind": PackKind(use.pack.kind).name.lower(),
        "bytes": use.pack.pack_bytes,
        "unused_bytes": use.unused_bytes,
        "reason": use.reason,
    }


def reclaim_lines(report: ReclaimReport, *, dry_run: bool) -> list[str]:
    """Return what was done in words."""
    dead, repack = report.plan.dead, report.plan.repack
    freed = format_size(report.bytes_freed)
    done_or_planned = dead or repack or report.packs_dead or report.bytes_left_over
    if not done_or_planned and report.swept:
        outcome = "nothing to free"
    elif dry_run:
        outcome = (
            f"would remove {counted(len(dead), 'pack')} of which nothing is needed, and repack "
            f"{counted(len(repack), 'pack')}: about {freed} would be freed"
        )
        if report.packs_recompressed:
            outcome += (
                f", and what is saved by compressing {report.packs_recompressed} of these anew"
            )
    else:
        outcome = f"freed {freed}: {counted(report.packs_dead, 'pack')} removed"
        if report.packs_repacked:
            written = format_size(report.bytes_written)
            outcome += f", {report.packs_repacked} of these repacked into {written}"
        if report.packs_recompressed:
            outcome += f", {report.packs_recompressed} only to be compressed anew"
    lines = [outcome]
    if report.bytes_left_over:
        lines.append(
            f"{format_size(report.bytes_left_over)} of that are half-written files of runs that "
            "were cut short"
        )
    if not report.swept:
        lines.append(
            "some packs are still there, since somebody at work may need them: "
            "the next prune removes what nobody does"
        )
    if report.chunks_lost:
        verb = "is" if report.chunks_lost == 1 else "are"
        lines.append(
            f"{counted(report.chunks_lost, 'chunk')} that snapshots need {verb} lost; see: "
            "dedupstore check"
        )
    return lines
