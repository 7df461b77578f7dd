"""A damaged pack is rebuilt from its parity, exactly or not at all."""

from __future__ import annotations

import random
import sys
import tracemalloc

import pytest

from dedupstore.engine.keys import parity_key
from dedupstore.engine.parity import (
    check_parity,
    heal_pack,
    orphans,
    packs_without_parity,
    parity_layout,
    parity_maker,
)
from dedupstore.errors import FormatError, UnsupportedFormat, UsageError
from dedupstore.format.hashing import checksum, digest
from dedupstore.format.parity import PARITY_HEAD_BYTES_MAX, decode_parity_head
from golden.format.layouts import parity
from parity_damage import KIND, keys_of, protected

PACK_BYTES = 300_000
LAYOUT = parity_layout(PACK_BYTES, 10)


def test_a_layout_has_the_parity_asked_for_within_the_code() -> None:
    """For any pack and percentage there are at most 256 shards, and as much parity as asked for."""
    for percent in range(1, 101):
        for pack_bytes in (1, 56, 1023, 1025, 70_000, 1 << 24, (1 << 32) - 1):
            layout = parity_layout(pack_bytes, percent)
            assert layout.data_count + layout.parity_count <= 256
            assert layout.parity_count * 100 >= layout.data_count * percent
            assert (layout.data_count - 1) * layout.shard_bytes < pack_bytes
            assert pack_bytes <= layout.data_count * layout.shard_bytes


def test_a_full_pack_is_cut_into_many_shards() -> None:
    """Ten percent of a pack of 16 MiB bear damage at 24 places and take little more than that."""
    layout = parity_layout(16 << 20, 10)
    assert layout.parity_count == 24
    assert layout.object_bytes < 0.11 * (16 << 20)


@pytest.mark.parametrize("pack_bytes", [1, 15, 56, 1024, 1025, 40_000, PACK_BYTES])
@pytest.mark.parametrize("percent", [1, 10, 100])
def test_an_intact_pack_is_given_back(pack_bytes: int, percent: int) -> None:
    """Healing what is not damaged gives its bytes, and every byte of parity verifies."""
    store, data = protected(pack_bytes, percent)
    assert heal_pack(store, KIND, digest(data)) == data
    assert check_parity(store, KIND, digest(data)) == len(store.objects[keys_of(data)[1]])


def test_flipped_bytes_at_as_many_places_as_there_is_parity() -> None:
    """One flipped byte in as many shards as there are parity shards is healed, one more is not."""
    store, data = protected(PACK_BYTES, 10)
    pack, _ = keys_of(data)
    shards = random.Random(3).sample(range(LAYOUT.data_count), LAYOUT.parity_count + 1)
    for number in shards[:-1]:
        store.flip(pack, number * LAYOUT.shard_bytes + number)
    assert heal_pack(store, KIND, digest(data)) == data
    store.flip(pack, shards[-1] * LAYOUT.shard_bytes)
    assert heal_pack(store, KIND, digest(data)) is None


def test_a_lost_tail() -> None:
    """A pack that lost as much of its end as it has parity is healed; with more lost it is not."""
    store, data = protected(PACK_BYTES, 10)
    pack, _ = keys_of(data)
    kept = (LAYOUT.data_count - LAYOUT.parity_count) * LAYOUT.shard_bytes
    store.objects[pack] = data[:kept]
    assert heal_pack(store, KIND, digest(data)) == data
    store.objects[pack] = data[: kept - 1]
    assert heal_pack(store, KIND, digest(data)) is None


def test_a_lost_head() -> None:
    """A pack whose beginning was overwritten by zeros is healed."""
    store, data = protected(PACK_BYTES, 10)
    pack, _ = keys_of(data)
    lost = LAYOUT.parity_count * LAYOUT.shard_bytes
    store.objects[pack] = bytes(lost) + data[lost:]
    assert heal_pack(store, KIND, digest(data)) == data


def test_unreadable_ranges() -> None:
    """What the disk does not give back counts as lost, and what lies beside it is used."""
    store, data = protected(PACK_BYTES, 10)
    pack, parity_of_it = keys_of(data)
    store.bad += [(pack, range(4096, 8192)), (pack, range(200_000, 200_512))]
    store.bad.append((parity_of_it, range(512)))
    assert heal_pack(store, KIND, digest(data)) == data


def test_bytes_behind_the_end_are_left_out() -> None:
    """A pack that something was appended to is given back without it."""
    store, data = protected(PACK_BYTES, 10)
    store.objects[keys_of(data)[0]] += b"appended"
    assert heal_pack(store, KIND, digest(data)) == data


def test_a_pack_that_is_gone_needs_parity_of_100_percent() -> None:
    """Below 100 percent a pack that is gone stays gone; with 100 percent it comes back."""
    for percent, healed in ((99, False), (100, True)):
        store, data = protected(PACK_BYTES, percent)
        del store.objects[keys_of(data)[0]]
        assert (heal_pack(store, KIND, digest(data)) == data) is healed


def test_without_parity_there_is_no_healing() -> None:
    """Where there is no parity object, nothing is rebuilt."""
    store, data = protected(PACK_BYTES, 10)
    del store.objects[keys_of(data)[1]]
    assert heal_pack(store, KIND, digest(data)) is None


@pytest.mark.parametrize("at_end", [False, True])
def test_parity_with_one_damaged_head_still_serves(at_end: bool) -> None:
    """Where one head of the parity is damaged, the other one is used."""
    store, data = protected(PACK_BYTES, 10)
    pack, parity_of_it = keys_of(data)
    store.flip(pack, 5)
    store.flip(parity_of_it, len(store.objects[parity_of_it]) - 60 if at_end else 60)
    assert heal_pack(store, KIND, digest(data)) == data
    with pytest.raises(FormatError):
        check_parity(store, KIND, digest(data))


def test_parity_with_both_heads_damaged_serves_no_more() -> None:
    """Without any sound head nothing is rebuilt."""
    store, data = protected(PACK_BYTES, 10)
    _, parity_of_it = keys_of(data)
    store.flip(parity_of_it, 60)
    store.flip(parity_of_it, len(store.objects[parity_of_it]) - 1)
    assert heal_pack(store, KIND, digest(data)) is None


def test_sound_shards_of_damaged_parity_serve() -> None:
    """Parity that lost some shards and its end heals as much as its other shards can."""
    store, data = protected(PACK_BYTES, 10)
    pack, parity_of_it = keys_of(data)
    store.flip(parity_of_it, LAYOUT.parity_offset(1))
    cut = LAYOUT.parity_offset(LAYOUT.parity_count - 2)
    store.objects[parity_of_it] = store.objects[parity_of_it][:cut]
    left = LAYOUT.parity_count - 3
    for number in range(left):
        store.flip(pack, number * 2 * LAYOUT.shard_bytes)
    assert heal_pack(store, KIND, digest(data)) == data
    store.flip(pack, (left * 2 + 1) * LAYOUT.shard_bytes)
    assert heal_pack(store, KIND, digest(data)) is None


def test_parity_of_another_pack_is_not_used() -> None:
    """Parity under the wrong name heals nothing."""
    store, data = protected(PACK_BYTES, 10)
    other, other_data = protected(PACK_BYTES, 10, seed=1)
    store.objects[keys_of(data)[1]] = other.objects[keys_of(other_data)[1]]
    store.flip(keys_of(data)[0], 0)
    assert heal_pack(store, KIND, digest(data)) is None


def test_parity_that_lies_gives_nothing() -> None:
    """Parity with right checksums of wrong bytes cannot pass off other bytes as the pack."""
    store, data = protected(64, 100)
    forged = bytes(reversed(data))
    store.objects[keys_of(data)[0]] = forged
    store.objects[keys_of(data)[1]] = parity((forged,), (forged,), 64, pack=digest(data))
    assert heal_pack(store, KIND, digest(data)) is None


def test_newer_parity_is_called_newer() -> None:
    """Parity of a newer version is neither used nor called damaged."""
    store, data = protected(64, 100)
    store.objects[keys_of(data)[1]] = parity((data,), (data,), 64, version=2)
    with pytest.raises(UnsupportedFormat):
        heal_pack(store, KIND, digest(data))


def test_a_claimed_size_takes_no_memory() -> None:
    """A small object that claims to be parity of 4 GiB is refused before memory is taken."""
    store, data = protected(64, 100)
    shard = bytes(1 << 16)
    store.objects[keys_of(data)[1]] = parity(
        (shard,) * 128, (shard,), 0xFFFFFFF0, shard_bytes=1 << 25, pack=digest(data)
    )
    tracemalloc.start()
    try:
        assert heal_pack(store, KIND, digest(data)) is None
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_packs_without_parity_and_parity_without_packs_are_found() -> None:
    """Packs with none, or with parity of another size, are listed; so is parity without a pack."""
    store, data = protected(PACK_BYTES, 10)
    assert list(packs_without_parity(store, 10)) == []
    assert [pack.id for pack in packs_without_parity(store, 20)] == [digest(data)]
    assert list(orphans(store)) == []
    pack, parity_of_it = keys_of(data)
    body = store.objects.pop(parity_of_it)
    assert [pack.id for pack in packs_without_parity(store)] == [digest(data)]
    del store.objects[pack]
    store.objects[parity_of_it] = body
    assert list(orphans(store)) == [(KIND, digest(data), len(body))]


def test_the_heads_hold_a_checksum_of_every_shard() -> None:
    """The data checksums of a head are those of the pack's shards, the last filled up by zeros."""
    store, data = protected(1500, 10)
    stored = store.objects[parity_key(KIND, digest(data))]
    head = decode_parity_head(stored[:PARITY_HEAD_BYTES_MAX])
    assert head.data_checksums == (checksum(data[:1024]), checksum(data[1024:] + bytes(548)))


@pytest.mark.parametrize("percent", [0, 101, -1])
def test_a_percentage_out_of_range_is_refused(percent: int) -> None:
    """Parity is made of 1 to 100 percent."""
    with pytest.raises(UsageError, match="percentage"):
        parity_maker(percent)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library for it, making parity is refused with what to install; healing works."""
    store, data = protected(PACK_BYTES, 10)
    monkeypatch.delitem(sys.modules, "dedupstore.engine.parity_encoder")
    monkeypatch.setitem(sys.modules, "pyeclib", None)
    monkeypatch.setitem(sys.modules, "pyeclib.ec_iface", None)
    with pytest.raises(UsageError) as caught:
        parity_maker(10)
    assert caught.value.hint == "pip install 'dedupstore[parity]'"
    store.flip(keys_of(data)[0], 7)
    assert heal_pack(store, KIND, digest(data)) == data
