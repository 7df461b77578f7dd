"""Which packs are to go, and why: decided from what is needed of each, before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dedupstore.engine.reclaim.usage import Usage
from dedupstore.errors import UsageError
from dedupstore.format.codecs import LEVEL_MAX
from dedupstore.format.pack import PackKind
from dedupstore.ids import PackId
from dedupstore.index.location import IndexedPack
from dedupstore.limits import PACK_BYTES_TARGET, PACK_CHUNKS_TARGET


@dataclass(frozen=True, slots=True)
class ReclaimOptions:
    """When packs that are partly needed are written anew.

    ``unused_percent_max`` is how much of what is stored may be left unneeded, in percent of it, 0
    to 100: packs are repacked, the most wasteful first, until no more is. Packs smaller than
    ``small_pack_bytes`` that are not full of tiny chunks either are merged once there are
    ``merge_packs_min`` (2 or more) of a kind, those that are repacked anyway included.
    ``recompress_level``, 1 to 19, is the level of compression at which all data is to be: packs
    with blocks of a lower one are written anew. Without it, none is because of that.
    """

    unused_percent_max: float = 5.0
    small_pack_bytes: int = PACK_BYTES_TARGET // 4
    merge_packs_min: int = 8
    recompress_level: int | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: a value is out of range.
        """
        if not 0 <= self.unused_percent_max <= 100:
            raise UsageError(f"not a share from 0 to 100 %: {self.unused_percent_max}")
        if self.small_pack_bytes < 0 or self.merge_packs_min < 2:
            raise UsageError("packs are merged from 2 at a time, and sizes are not negative")
        if self.recompress_level is not None and not 1 <= self.recompress_level <= LEVEL_MAX:
            raise UsageError(f"not a level from 1 to {LEVEL_MAX}: {self.recompress_level}")


@dataclass(frozen=True, slots=True)
class PackUse:
    """A pack that is to go: how much of it is needed, and why it goes.

    ``is_recompressed`` tells that it goes for its level of compression alone.
    """

    pack: IndexedPack
    needed_chunks: int
    needed_bytes: int
    reason: str
    is_recompressed: bool = False

    @property
    def unused_bytes(self) -> int:
        """About as many of the pack's bytes as are not needed."""
        original = max(1, self.pack.original_bytes)
        return round(self.pack.pack_bytes * (1 - min(1.0, self.needed_bytes / original)))


@dataclass(frozen=True, slots=True)
class ReclaimPlan:
    """``dead`` packs go as they are; of those in ``repack``, what is needed is copied first.

    ``undecided`` counts the packs of which nothing is needed, but which may be of a snapshot that
    is under way: what they are shows when that has ended.
    """

    dead: tuple[PackUse, ...] = ()
    repack: tuple[PackUse, ...] = ()
    undecided: int = 0

    @property
    def freed_bytes(self) -> int:
        """About as many bytes as will be freed."""
        return sum(use.unused_bytes for use in (*self.dead, *self.repack))


def plan_reclaim(
    packs: Iterable[IndexedPack],
    usage: Usage,
    options: ReclaimOptions,
    is_being_written: Callable[[IndexedPack], bool],
    level_of: Callable[[IndexedPack], int],
) -> ReclaimPlan:
    """Decide about each pack.

    ``is_being_written`` tells which may be a snapshot's under way, ``level_of`` at which level one
    is compressed; the latter is asked only where that matters.
    """
    dead: list[PackUse] = []
    needed: list[PackUse] = []
    undecided = 0
    # The order in which they were written: neighbours stay neighbours.
    for pack in packs:
        if pack.is_dead:
            continue
        chunks = usage.needed_chunks(pack.id)
        use = PackUse(pack, chunks, usage.needed_bytes(pack.id), "nothing of it is needed")
        if chunks:
            needed.append(use)
        elif is_being_written(pack):
            undecided += 1
        else:
            dead.append(use)
    chosen: dict[PackId, PackUse] = {}
    for kind in PackKind:
        of_kind = [use for use in needed if use.pack.kind == kind]
        sparse = _sparse(of_kind, options)
        chosen |= {use.pack.id: use for use in sparse + _small(of_kind, sparse, options)}
        if kind is PackKind.DATA and options.recompress_level is not None:
            rest = [use for use in of_kind if use.pack.id not in chosen]
            light = _light(rest, options.recompress_level, level_of)
            chosen |= {use.pack.id: use for use in light}
    repack = (chosen.get(use.pack.id) for use in needed)
    return ReclaimPlan(tuple(dead), tuple(use for use in repack if use is not None), undecided)


def _sparse(packs: list[PackUse], options: ReclaimOptions) -> list[PackUse]:
    """Choose the most wasteful packs, until what is left unneeded is within the limit."""
    stored_bytes = sum(use.pack.pack_bytes for use in packs)
    unused_bytes = sum(use.unused_bytes for use in packs)
    allowed_bytes = stored_bytes * options.unused_percent_max / 100
    chosen: list[PackUse] = []
    by_waste = sorted(
        packs, key=lambda use: (-use.unused_bytes / max(1, use.pack.pack_bytes), use.pack.id)
    )
    for use in by_waste:
        if unused_bytes <= allowed_bytes or not use.unused_bytes:
            break
        share = 100 * use.needed_bytes / max(1, use.pack.original_bytes)
        chosen.append(_because(use, f"{share:.0f} % of it are needed"))
        unused_bytes -= use.unused_bytes
    return chosen


def _small(packs: list[PackUse], chosen: list[PackUse], options: ReclaimOptions) -> list[PackUse]:
    taken = {use.pack.id for use in chosen}
    small = [
        _because(use, "it is small")
        for use in packs
        if use.pack.pack_bytes < options.small_pack_bytes
        and use.pack.chunk_count < PACK_CHUNKS_TARGET // 4
        and use.pack.id not in taken
    ]
    # What is repacked anyway comes out small more often than not, and would be merged next time.
    return small if len(small) + len(chosen) >= options.merge_packs_min else []


def _light(
    packs: list[PackUse], level_min: int, level_of: Callable[[IndexedPack], int]
) -> list[PackUse]:
    """Choose the packs that are compressed at a lower level than they are to be."""
    chosen = []
    for use in packs:
        level = level_of(use.pack)
        if level < level_min:
            reason = f"it is compressed at level {level}" if level else "its level is not known"
            chosen.append(replace(_because(use, reason), is_recompressed=True))
    return chosen


def _because(use: PackUse, reason: str) -> PackUse:
    return replace(use, reason=reason)
