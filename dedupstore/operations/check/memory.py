"""The memory of check: when the data of each pack was last verified.

It is advice about what to read next, nothing else: where it is lost, check starts anew, and where
it cannot be kept, check does without. What is older is decided by the numbers of check runs, since
clocks jump.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from dedupstore.engine.audit.findings import FindingCollector
from dedupstore.engine.keys import VERIFIED_KEY
from dedupstore.engine.locks import hold_lock
from dedupstore.engine.pack_reader import StoredPack
from dedupstore.engine.repository import Repository
from dedupstore.errors import (
    DamageError,
    LockTimeout,
    ObjectMissing,
    StorageError,
    UnsupportedFormat,
)
from dedupstore.format.verified import (
    CHECK_RUN_MAX,
    VERIFIED_BYTES_MAX,
    Verification,
    decode_verified,
    encode_verified,
)
from dedupstore.ids import PackId
from dedupstore.limits import VERIFIED_PACKS_MAX

SAVED_EVERY_SECONDS = 180.0
_LOCK_WAIT_SECONDS = 10.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CheckMemory:
    """What earlier runs have verified, and what this one does.

    ``stored`` are the packs that the repository has now; others are forgotten.
    """

    def __init__(
        self, repository: Repository, stored: Iterable[PackId], collector: FindingCollector
    ) -> None:
        self._repository = repository
        self._collector = collector
        self._is_kept = repository.store.is_writable()
        before = self._load()
        self._verified = dict(before)
        # Only what was known before and is not listed is gone: what another check, at work now,
        # has verified may be newer than our listing.
        self._dropped = before.keys() - set(stored)
        for id_ in self._dropped:
            del self._verified[id_]
        self._run = min(CHECK_RUN_MAX, 1 + max((row.run for row in before.values()), default=0))
        self._done: dict[PackId, Verification] = {}
        self._unsaved = False
        self._saved_at_seconds = repository.clock.monotonic_seconds()

    def in_order(self, packs: Iterable[StoredPack]) -> list[StoredPack]:
        """Return packs with those first that were never verified, then the longest unverified."""
        return sorted(packs, key=lambda pack: (self._run_of(pack.id), pack.id))

    def found(self, pack: PackId, is_sound: bool) -> None:
        """Take note of how a pack that has just been read whole was found."""
        if is_sound:
            self.found_sound(pack)
        else:
            self.found_unsound(pack)

    def found_sound(self, pack: PackId) -> None:
        """Remember that a pack has just been read whole and found sound."""
        seconds = (self._repository.clock.now() - _EPOCH) // timedelta(seconds=1)
        self._done[pack] = self._verified[pack] = Verification(self._run, seconds)
        self._unsaved = True
        since = self._repository.clock.monotonic_seconds() - self._saved_at_seconds
        if since >= SAVED_EVERY_SECONDS:
            self.save()

    def found_unsound(self, pack: PackId) -> None:
        """Forget that a pack was ever found sound, so that it is among the first the next time."""
        self._verified.pop(pack, None)
        self._done.pop(pack, None)
        self._dropped.add(pack)
        self._unsaved = True

    def verified_in_this_run(self) -> int:
        """Return how many packs this run has found sound."""
        return len(self._done)

    def never_verified(self, packs: Iterable[StoredPack]) -> int:
        """Return how many of ``packs`` no run has found sound."""
        return sum(pack.id not in self._verified for pack in packs)

    def oldest_time(self, packs: Iterable[StoredPack]) -> datetime | None:
        """Return when the longest unverified of the verified ``packs`` was; ``None`` without any.

        Also ``None`` where that is outside of the years 1 to 9999.
        """
        rows = [self._verified[pack.id] for pack in packs if pack.id in self._verified]
        if not rows:
            return None
        with suppress(OverflowError):
            return _EPOCH + timedelta(seconds=min(rows).time_seconds)
        return None

    def save(self) -> None:
        """Write down what is new, together with what others have written meanwhile.

        Where that cannot be done, a warning says so.
        """
        self._saved_at_seconds = self._repository.clock.monotonic_seconds()
        if not (self._is_kept and self._unsaved):
            return
        repository = self._repository
        try:
            with hold_lock(
                repository.location,
                "verified",
                exclusive=True,
                wait_seconds=_LOCK_WAIT_SECONDS,
                clock=repository.clock,
            ):
                self._merge_and_put(self._load())
        except (LockTimeout, StorageError) as error:
            self._warn("verified-not-saved", error.message)
        else:
            self._unsaved = False

    def _merge_and_put(self, rows: dict[PackId, Verification]) -> None:
        if not self._is_kept:
            return
        for id_, row in self._done.items():
            rows[id_] = max(row, rows.get(id_, row))
        kept: Sequence[PackId] = [id_ for id_ in rows if id_ not in self._dropped]
        if len(kept) > VERIFIED_PACKS_MAX:
            # What was verified last is what need not be read soon.
            kept = sorted(kept, key=lambda id_: rows[id_], reverse=True)[:VERIFIED_PACKS_MAX]
        data = encode_verified({id_: rows[id_] for id_ in kept})
        self._repository.store.put(VERIFIED_KEY, [data])

    def _load(self) -> dict[PackId, Verification]:
        try:
            return decode_verified(
                self._repository.store.get(VERIFIED_KEY, 0, VERIFIED_BYTES_MAX + 1)
            )
        except ObjectMissing:
            return {}
        except UnsupportedFormat as error:
            # It is another program's to keep.
            self._is_kept = False
            self._warn("verified-unsupported", error.message)
        except (DamageError, StorageError) as error:
            self._warn("verified-damaged", f"{error.message}; it is begun anew")
        return {}

    def _run_of(self, pack: PackId) -> int:
        row = self._verified.get(pack)
        return row.run if row else 0

    def _warn(self, kind: str, detail: str) -> None:
        if not self._collector.has_found(kind, VERIFIED_KEY):
            self._collector.warning(kind, VERIFIED_KEY, detail)
