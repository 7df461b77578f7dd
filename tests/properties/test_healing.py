"""Damage within what parity bears heals exactly; no damage gives wrong bytes."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from dedupstore.engine.parity import heal_pack, parity_layout
from dedupstore.errors import UnsupportedFormat
from dedupstore.format.hashing import digest
from parity_damage import KIND, keys_of, protected


@given(st.integers(1, 20_000), st.integers(1, 100), st.data())
def test_damage_within_capacity_heals_and_beyond_it_does_not(
    pack_bytes: int, percent: int, data: st.DataObject
) -> None:
    """A pack heals exactly as long as no more shards are damaged than there is sound parity."""
    store, pack = protected(pack_bytes, percent)
    pack_key, parity_key = keys_of(pack)
    layout = parity_layout(pack_bytes, percent)
    hit = data.draw(st.sets(st.integers(0, layout.data_count - 1)))
    for number in hit:
        begin = number * layout.shard_bytes
        end = min(pack_bytes, begin + layout.shard_bytes)
        store.flip(pack_key, data.draw(st.integers(begin, end - 1)))
    parity_hit = data.draw(st.sets(st.integers(0, layout.parity_count - 1), max_size=2))
    for number in parity_hit:
        store.flip(parity_key, layout.parity_offset(number))
    healed = heal_pack(store, KIND, digest(pack))
    within = len(hit) <= layout.parity_count - len(parity_hit)
    assert healed == (pack if within else None)


@given(st.integers(1, 20_000), st.sampled_from([1, 10, 30, 100]), st.data())
def test_no_damage_gives_wrong_bytes(pack_bytes: int, percent: int, data: st.DataObject) -> None:
    """Whatever is cut off, overwritten or unreadable: the exact bytes come back, or nothing."""
    store, pack = protected(pack_bytes, percent)
    for key in keys_of(pack):
        for _ in range(data.draw(st.integers(0, 3))):
            stored = store.objects[key]
            begin = data.draw(st.integers(0, len(stored)))
            end = min(len(stored), begin + data.draw(st.integers(0, 3000)))
            action = data.draw(st.sampled_from(["cut", "zeros", "remove", "bad", "insert"]))
            if action == "cut":
                store.objects[key] = stored[:begin]
            elif action == "zeros":
                store.objects[key] = stored[:begin] + bytes(end - begin) + stored[end:]
            elif action == "remove":
                store.objects[key] = stored[:begin] + stored[end:]
            elif action == "insert":
                store.objects[key] = stored[:begin] + bytes(end - begin) + stored[begin:]
            else:
                store.bad.append((key, range(begin, end)))
    assert heal_pack(store, KIND, digest(pack)) in (pack, None)


@given(st.binary(max_size=400), st.data())
def test_any_bytes_as_parity_are_used_or_refused(body: bytes, data: st.DataObject) -> None:
    """Any bytes in the place of parity, hostile ones too, give the pack, nothing, or a refusal."""
    store, pack = protected(3000, 100)
    _, parity_key = keys_of(pack)
    position = data.draw(st.integers(0, 100))
    stored = store.objects[parity_key]
    store.objects[parity_key] = stored[:position] + body + stored[position + len(body) :]
    store.flip(keys_of(pack)[0], 0)
    with suppress(UnsupportedFormat):
        assert heal_pack(store, KIND, digest(pack)) in (pack, None)
