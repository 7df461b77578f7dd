"""Ways to damage the objects of a sample repository."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from dedupstore.engine.pack_reader import read_table, stored_pack
from dedupstore.format.pack import PackKind, PackTable
from dedupstore.storage.local import LocalStore
from sample_repository import SampleRepository

DATA = PackKind.DATA
MANIFEST = PackKind.MANIFEST

Damage = Callable[[SampleRepository, SampleRepository], None]


def flip(path: Path, position: int, bit: int = 0) -> None:
    """Flip one bit of a file; a negative position counts from its end."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def truncate(path: Path, position: int) -> None:
    """Cut a file off; a negative position counts from its end."""
    path.write_bytes(path.read_bytes()[:position])


def table_of(sample: SampleRepository, pack: Path) -> PackTable:
    """Return the table of a sound pack."""
    store = LocalStore(str(sample.folder))
    return read_table(store, stored_pack(store, pack.relative_to(sample.folder).as_posix()))


def payload_position(sample: SampleRepository, pack: Path) -> int:
    """Return a position in the middle of the payload of a pack's first block."""
    block = table_of(sample, pack).blocks[0]
    return block.offset + block.stored_bytes - 20


def table_position(sample: SampleRepository, pack: Path) -> int:
    """Return a position in a pack's table."""
    last = table_of(sample, pack).blocks[-1]
    return last.offset + last.stored_bytes + 10


def on_pack(kind: PackKind, number: int, damage: Callable[[Path], None]) -> Damage:
    """Return what damages one pack, by its number in order of age."""
    return lambda sample, _: damage(sample.packs(kind)[number])


def flip_in_pack(
    kind: PackKind, number: int, position: Callable[[SampleRepository, Path], int]
) -> Damage:
    """Return what flips a bit at a place within a pack that depends on its structure."""

    def damage(sample: SampleRepository, _: SampleRepository) -> None:
        pack = sample.packs(kind)[number]
        flip(pack, position(sample, pack))

    return damage


def swap_packs(kind: PackKind, first: int, second: int) -> Damage:
    """Return what exchanges the bytes of two packs."""

    def damage(sample: SampleRepository, _: SampleRepository) -> None:
        packs = sample.packs(kind)
        contents = packs[first].read_bytes(), packs[second].read_bytes()
        packs[first].write_bytes(contents[1])
        packs[second].write_bytes(contents[0])

    return damage


def replace_pack(kind: PackKind, number: int) -> Damage:
    """Return what puts another repository's bytes in place of a pack's."""

    def damage(sample: SampleRepository, foreign: SampleRepository) -> None:
        sample.packs(kind)[number].write_bytes(foreign.packs(kind)[number].read_bytes())

    return damage


def on_record(number: int, damage: Callable[[Path], None]) -> Damage:
    """Return what damages the record of one snapshot."""
    return lambda sample, _: damage(sample.record_of(number))


def swap_records(sample: SampleRepository, _: SampleRepository) -> None:
    """Exchange the texts of two snapshot records."""
    first, second = sample.record_of(0), sample.record_of(1)
    texts = first.read_bytes(), second.read_bytes()
    first.write_bytes(texts[1])
    second.write_bytes(texts[0])


def replace_record(sample: SampleRepository, foreign: SampleRepository) -> None:
    """Put another repository's record in place of one."""
    sample.record_of(1).write_bytes(foreign.record_of(1).read_bytes())


def on_index(damage: Callable[[Path], None]) -> Damage:
    """Return what damages the data file of the index."""
    return lambda sample, _: damage(next(sample.folder.glob("index/generation-*/data.mdb")))


def replace_index(sample: SampleRepository, foreign: SampleRepository) -> None:
    """Put another repository's index in place."""
    shutil.rmtree(sample.folder / "index")
    shutil.copytree(foreign.folder / "index", sample.folder / "index")


def on_current(damage: Callable[[Path], None]) -> Damage:
    """Return what damages the file that names the current index."""
    return lambda sample, _: damage(sample.folder / "index" / "CURRENT")
