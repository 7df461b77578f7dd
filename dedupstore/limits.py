"""Bounds on everything that is read from stored bytes, and the sizes writers aim at.

Readers compare every size and count with these bounds before they allocate anything.
"""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB

CHUNK_BYTES_MAX = 16 * MIB
"""No chunk holds more original bytes: four times the largest target size of a chunk."""

BLOCK_BYTES_TARGET = 8 * MIB
"""Original bytes that a writer of data collects before it compresses them as one block.

Of 2, 4 and 8 MiB, the largest stores wide JSON events in 8 % less than 4 MiB, other logs alike; one
takes about 4 ms to read.
"""

MANIFEST_BLOCK_BYTES_TARGET = 1 * MIB
"""The same for manifests, which are read in smaller parts."""

BLOCK_BYTES_MAX = 32 * MIB
"""No block holds more original bytes, and no block's payload is longer."""

BLOCK_CHUNKS_MAX = 256 * KIB
"""No block holds more chunks."""

BLOCK_CHUNKS_TARGET = 8 * KIB
"""A writer closes a block when it holds this many chunks: what describes a chunk takes some hundred
bytes of memory, which for tiny logs is more than their bytes."""

BLOCK_NOTES_BYTES_MAX = 64 * KIB
"""No block carries more bytes of notes."""

PACK_BYTES_TARGET = 16 * MIB
"""A writer closes a pack when it has grown to this size."""

PACK_CHUNKS_TARGET = 16 * KIB
"""A writer closes a pack when it holds this many chunks, so that many small logs take no more
memory than a few large ones."""

PACK_BYTES_MAX = 4 * 1024 * MIB - 1
"""No pack is larger, so that offsets fit in 32 bits."""

PACK_TABLE_BYTES_MAX = 256 * MIB
"""No table of a pack is larger."""

PARITY_SHARD_BYTES_MIN = 1 * KIB
"""No writer cuts a pack into smaller shards for parity: each costs 32 bytes of checksums."""

PIECE_BYTES_MAX = 1 * MIB
"""No piece of a manifest or of a chunk list is larger."""

TREE_LEVELS_MAX = 8
"""No chunk list is nested deeper; eight levels hold far more than 2**64 bytes."""

INLINE_EXTENTS_MAX = 32
"""Extents that an entry holds itself; a longer list becomes a tree of pieces."""

RECIPE_INLINE_BYTES_MAX = 1 * KIB
"""Bytes of a recipe that an entry holds itself; a longer one becomes chunks."""

TWIN_RATIO_MAX = 1032
"""No deflate stream holds more bytes of text for each of its own: two bits stand for 258 bytes."""

RECIPE_BYTES_MAX = 32 * MIB
"""No recipe is longer; whoever rebuilds a file holds all of it in memory."""

PATH_BYTES_MAX = 65_535
"""No path in a manifest is longer."""

ENTRY_BYTES_MAX = 512 * KIB
"""No entry of a manifest is longer."""

SNAPSHOT_RECORD_BYTES_MAX = 16 * MIB
"""No snapshot record is longer."""

GENERATION_MAX = (1 << 62) - 1
"""No generation of a repository has a higher number; at one a second they last for ever."""

GENERATION_REACHED_MAX = GENERATION_MAX // 2
"""No repository can have come so far: a higher number, or this one, is somebody's mistake."""

GENERATION_RECORD_BYTES_MAX = 64 * MIB
"""No generation record is longer; it holds some 400,000 tombstones."""

TOMBSTONES_MAX = 400_000
"""No more packs wait to be removed at once, so that a generation record stays readable."""

CONFIG_BYTES_MAX = 64 * KIB
"""No repository config is longer."""

POLICY_BYTES_MAX = 64 * KIB
"""No retention policy is longer."""

ZONE_CHARACTERS_MAX = 100
"""No name of a time zone is longer."""

VERIFIED_PACKS_MAX = 1024 * KIB
"""The memory of check holds no more packs."""
