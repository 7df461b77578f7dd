"""The generation of a repository: a number that grows with each removal, and what it says.

Whoever reads or writes takes note of the number when it begins (``epochs``). Whoever removes data
writes a record with the next number first; what was noted before then proves what may be relied
on, without any clock.
"""

from __future__ import annotations

from dedupstore.engine.keys import GENERATIONS_PREFIX, generation_key
from dedupstore.errors import DamageError, FormatError, ObjectMissing, StorageError
from dedupstore.format.generation_record import (
    GenerationRecord,
    decode_generation_record,
    encode_generation_record,
    parse_generation_name,
)
from dedupstore.limits import GENERATION_REACHED_MAX, GENERATION_RECORD_BYTES_MAX
from dedupstore.storage.contract import DeleteStore, ReadStore

_READS_MAX = 20
_LISTINGS_MAX = 3


def current_generation(store: ReadStore) -> int:
    """Return the number of the newest generation; 0 where nothing has ever been removed.

    Raises:
        StorageError: the store could not list.
    """
    for _ in range(_LISTINGS_MAX):
        # While one record takes the place of another, a listing may show neither; the next one
        # begins when the newer one is there.
        if stored := _stored_generations(store):
            return max(stored)
    return 0


def read_generation(store: ReadStore) -> GenerationRecord:
    """Return the newest generation record.

    Raises:
        DamageError, UnsupportedFormat: it is damaged or newer.
        StorageError: the store could not deliver.
    """
    for _ in range(_READS_MAX):
        generation = current_generation(store)
        if generation == 0:
            return GenerationRecord()
        try:
            data = store.get(generation_key(generation), 0, GENERATION_RECORD_BYTES_MAX + 1)
            return decode_generation_record(data, generation)
        except ObjectMissing:
            # A newer one has taken its place since it was listed.
            continue
        except FormatError as error:
            raise DamageError(
                error.message, hint="mend it with: dedupstore repair; nothing stored is affected"
            ) from error
    # Not to be taken for a repository of which nothing has been removed.
    raise StorageError(f"the generation records of {store.location} vanish before they can be read")


def write_generation(store: DeleteStore, record: GenerationRecord) -> None:
    """Make a record the newest, and remove those that it takes the place of.

    Only one process may do so at a time: the caller holds the lock ``switch`` alone.

    Raises:
        NoSpace, StorageError: the store refused, or nobody could read such a record; the newest
            one is the one it was.
    """
    if record.generation > GENERATION_REACHED_MAX:
        raise StorageError(
            f"no generation can have the number {record.generation}",
            hint="somebody's mistake stands among the generations; mend it with: dedupstore repair",
        )
    data = encode_generation_record(record)
    if len(data) > GENERATION_RECORD_BYTES_MAX:
        raise StorageError(
            f"{len(record.tombstones)} packs are too many to wait for their removal at once",
            hint="prune again when nothing else is at work",
        )
    older = _stored_generations(store)
    store.put(generation_key(record.generation), [data])
    for generation in older:
        if generation < record.generation:
            store.delete(generation_key(generation))


def _stored_generations(store: ReadStore) -> list[int]:
    names = (info.key.rpartition("/")[2] for info in store.list_objects(GENERATIONS_PREFIX))
    return [number for number in map(parse_generation_name, names) if number is not None]
