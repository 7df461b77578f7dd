"""Runs engines in turn on the same data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpora import Corpus, RestoreDiffers, footprint, require_equal, restored_root, warm_page_cache
from documents import Head
from engines.engine import Engine, EngineMissing, Operation, Scratch
from measuring import CommandFailed, measure, measure_all, peak_rss_floor_bytes
from priming import little_free_memory, settle
from results import Comparison, EngineResult, Status, Storage


@dataclass(frozen=True)
class Plan:
    """What to compare: engines (the subject first), data, operations, runs, and where to work.

    `prime_bytes` of memory are made ready before each operation; see `priming.settle`.
    """

    engines: Sequence[Engine]
    corpora: Sequence[Corpus]
    operations: Sequence[Operation]
    runs: int
    work: Path
    prime_bytes: int


def compare(plan: Plan) -> Comparison:
    """Run every engine once, then every engine again, until all runs are done.

    So a machine that gets slower or busier does so for all. An engine that fails is left out of
    the runs that follow; what it did before is kept.
    """
    head = Head.now()
    results = [_enlist(engine) for engine in plan.engines]
    newest = _make_newest(plan.work)
    with little_free_memory(plan.prime_bytes):
        for run in range(plan.runs):
            for place in range(len(results)):
                # Each run starts with another engine, so that none always follows the same one.
                chosen = (place + run) % len(results)
                if results[chosen].status is Status.DONE:
                    _run_engine(plan, plan.engines[chosen], results[chosen], run, newest)
    return Comparison(
        head=head,
        corpora=plan.corpora,
        runs=plan.runs,
        prime_bytes=plan.prime_bytes,
        operations=plan.operations,
        peak_rss_floor_bytes=peak_rss_floor_bytes(),
        engines=results,
    )


def _enlist(engine: Engine) -> EngineResult:
    result = EngineResult(engine.name, engine.role, engine.settings)
    try:
        result.version = engine.version()
    except EngineMissing as error:
        result.status, result.reason = Status.MISSING, str(error)
    return result


def _make_newest(work: Path) -> Path:
    """Write a small file that is snapshotted beside the data.

    borg never trusts the newest file of a snapshot and reads it again. Without this file that
    would be one of the corpus, which is large by chance or not.
    """
    newest = work / "newest.log"
    newest.write_text("newer than all of the corpus\n")
    return newest


def _run_engine(plan: Plan, engine: Engine, result: EngineResult, run: int, newest: Path) -> None:
    print(f"run {run + 1} of {plan.runs}: {engine.name}", file=sys.stderr)
    for corpus in plan.corpora:
        warm_page_cache(corpus.path)
    scratch = Scratch(plan.work / engine.name)
    sources = [*(corpus.path for corpus in plan.corpora), newest]
    try:
        scratch.create()
        _run_operations(plan, engine, result, scratch, [str(path) for path in sources])
        if run == 0 and Operation.RESTORE in result.measurements:
            result.restored_equal = False
            for source in sources:
                require_equal(source, restored_root(scratch.target, source))
            result.restored_equal = True
    except (CommandFailed, RestoreDiffers, OSError) as error:
        result.status, result.reason = Status.FAILED, str(error)
        print(f"  {engine.name} failed: {error}", file=sys.stderr)
    finally:
        scratch.remove()


def _run_operations(
    plan: Plan, engine: Engine, result: EngineResult, scratch: Scratch, sources: Sequence[str]
) -> None:
    environment = engine.environment(scratch)
    for command in engine.initialize(scratch):
        measure(command, environment)
    repository_first = footprint(scratch.repository)
    for operation in Operation:
        # All others need the first snapshot, wanted or not.
        wanted = operation in plan.operations
        commands = engine.commands(operation, scratch, sources)
        if not commands or not (wanted or operation is Operation.FIRST):
            continue
        settle(plan.prime_bytes)
        cost = measure_all(commands, environment)
        if wanted:
            result.measurements.setdefault(operation, []).append(cost)
        if operation is Operation.FIRST:
            repository_first = footprint(scratch.repository)
    result.storage.append(
        Storage(repository_first, footprint(scratch.repository), footprint(scratch.home))
    )
