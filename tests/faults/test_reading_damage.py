"""Reading past damage: what can be read stays readable, and the damage is told."""

from __future__ import annotations

from pathlib import Path

import dedupstore
from dedupstore import FileDamaged
from dedupstore.engine.file_reader import ByteRange
from dedupstore.engine.monitor import Event, SilentMonitor
from dedupstore.format.pack import PackKind
from faults.damage import flip
from sample_repository import SampleRepository

Missing = dict[bytes, tuple[ByteRange, ...]]


class Told(SilentMonitor):
    """Remembers what it is told of."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        """See ``Monitor.event``."""
        self.events.append(event)


def missing_of_oldest(sample: SampleRepository, target: Path) -> tuple[Missing, Told]:
    """Restore the oldest snapshot; return what is missing of each file, and what was told."""
    told = Told()
    with dedupstore.open_repository(sample.folder, monitor=told) as repository:
        snapshot = dedupstore.load_snapshot(repository, sample.snapshots[0])
        report = dedupstore.restore(repository, snapshot, target)
    failed = [event for event in report.failed if isinstance(event, FileDamaged)]
    assert len(failed) == len(report.failed)
    return {event.path: event.missing for event in failed}, told


def test_a_second_read_gives_as_much_as_the_first(
    quick_sample: SampleRepository, tmp_path: Path
) -> None:
    """With a block and the table of its pack damaged, each restore brings the same."""
    pack = quick_sample.packs(PackKind.DATA)[0]
    flip(pack, pack.stat().st_size // 2)
    flip(pack, -10)
    first, _ = missing_of_oldest(quick_sample, tmp_path / "first")
    second, _ = missing_of_oldest(quick_sample, tmp_path / "second")
    assert first == second
    assert first
    sizes = [len(content) for content in quick_sample.trees[0].values()]
    lost = sum(end - begin for ranges in first.values() for begin, end in ranges)
    assert lost < sum(sizes) / 2


def test_damage_that_costs_nothing_is_told(quick_sample: SampleRepository, tmp_path: Path) -> None:
    """Files that come out whole of a damaged block do so, and the pack is named, once."""
    pack = quick_sample.packs(PackKind.DATA)[0]
    # The codec in the header of the first block, which the directory and payload outlive.
    flip(pack, 8 + 5)
    missing, told = missing_of_oldest(quick_sample, tmp_path / "target")
    assert missing == {}
    named = [event.detail for event in told.events if event.kind == "pack-damaged"]
    assert len(named) == 1
    assert pack.name in named[0]
