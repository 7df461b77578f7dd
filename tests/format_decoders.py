"""Every decoder of stored bytes in one table: what fuzzers and tests of hostile bytes go through.

A decoder takes any bytes and gives a value, or raises one of ``REFUSALS``. Where a checksum stands
in the way, ``seal`` puts a right one, so that changed bytes get to what lies behind it.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import islice

import dedupstore.format
from dedupstore.errors import DamageError, FormatError, UnsupportedFormat
from dedupstore.format.block import (
    DIRECTORY_ENTRY_BYTES,
    decode_block,
    decode_block_header,
    decode_directory,
)
from dedupstore.format.canonical_json import bytes_from_json, decode_json, encode_json
from dedupstore.format.codecs import (
    decode_damaged_zstd,
    decode_payload,
    decode_payload_into,
    unpack_zstd,
)
from dedupstore.format.config import decode_config
from dedupstore.format.content import check_level_extents, decode_content, encode_content
from dedupstore.format.entry import decode_entry, entry_contents, glance_at_entry, split_entries
from dedupstore.format.generation_record import decode_generation_record, parse_generation_name
from dedupstore.format.hashing import checksum, digest
from dedupstore.format.pack import PACK_HEADER_BYTES, TRAILER_BYTES, decode_pack_header
from dedupstore.format.parity import PARITY_HEADER_BYTES, decode_parity_foot, decode_parity_head
from dedupstore.format.pieces import decode_extents, piece_body
from dedupstore.format.policy import decode_policy
from dedupstore.format.salvage import salvage_chunks
from dedupstore.format.snapshot_record import decode_snapshot_record
from dedupstore.format.stored_file import stored_files
from dedupstore.format.twin import decode_twin, encode_twin
from dedupstore.format.verified import decode_verified
from dedupstore.limits import BLOCK_BYTES_MAX, CONFIG_BYTES_MAX
from dedupstore.twins import Prover, inflate, rebuild
from golden.format.reading import read_pack_table
from golden.format.twin_cases import TEXT
from golden.format.vectors import Vector, load_all
from gzip_files import GOLDEN_TWINS

REFUSALS = (DamageError, UnsupportedFormat)
"""What a decoder may raise, whatever it is given."""

_INTO_BYTES_MAX = 64 << 10
_BLOCK_CHECKSUM = slice(24, 40)
_PARITY_CHECKSUM_BEGIN = PARITY_HEADER_BYTES - 16


@dataclass(frozen=True)
class Decoder:
    """How the bytes of one kind of object, or of a part of one, are read.

    ``covers`` are functions of the format that reading goes through, besides those of decoders
    of other names. ``vectors`` are the kinds of golden vectors whose bytes are such objects.
    """

    read: Callable[[bytes], object]
    covers: tuple[str, ...]
    vectors: tuple[str, ...] = ()
    seal: Callable[[bytes], bytes] = bytes

    def try_to_read(self, data: bytes) -> None:
        """Read bytes as they are and sealed; whatever is no refusal comes through."""
        for candidate in dict.fromkeys((data, self.seal(data))):
            with suppress(*REFUSALS):
                self.read(candidate)


def _u24(data: bytes) -> int:
    return int.from_bytes(data[:3], "little")


def _read_payload(data: bytes) -> object:
    """Read codec, original bytes and a payload, as a block's header and its end give them."""
    codec, payload = data[0] if data else 0, data[4:]
    original_bytes = min(_u24(data[1:]), BLOCK_BYTES_MAX)
    decode_damaged_zstd(payload, original_bytes)
    into = bytearray(min(original_bytes, _INTO_BYTES_MAX))
    try:
        original = decode_payload(codec, payload, original_bytes)
    except REFUSALS as refusal:
        with suppress(*REFUSALS):
            decode_payload_into(codec, payload, into)
            if len(into) == original_bytes:
                raise AssertionError("read into memory in spite of a refusal") from refusal
        raise
    if len(into) == original_bytes:
        decode_payload_into(codec, payload, into)
        if bytes(into) != bytes(original):
            raise AssertionError("read into memory as something else")
    return original


def _read_foreign_zstd(data: bytes) -> object:
    """Unpack as much as small files may hold; a frame may unpack to any length."""
    try:
        return [len(part) for part in islice(unpack_zstd([data]), 100)]
    except (EOFError, ValueError) as error:
        raise FormatError(str(error)) from error


def _read_piece(data: bytes) -> object:
    level = data[3] if len(data) > 3 else 0
    body = piece_body(data, level)
    if level == 0:
        entries = list(split_entries(body))
        # It does not say whether an entry is sound, but must not fail on one that is not.
        glances = [glance_at_entry(entry) for entry in entries]
        files = [(file, file.unchanged(file.facts, b"")) for file in stored_files(body)]
        return glances, files, [*map(decode_entry, entries)]
    extents = decode_extents(body)
    check_level_extents(level, extents)
    return extents


def _read_json(data: bytes) -> object:
    record = decode_json(data, CONFIG_BYTES_MAX, "it")
    for value in record.values():
        with suppress(FormatError):
            bytes_from_json(value, "it")
    return record


def _read_generation(data: bytes) -> object:
    named = re.search(rb'^  "generation": (\d{1,19}),$', data, re.MULTILINE)
    return decode_generation_record(data, int(named[1]) if named else 7)


def _read_recipe(data: bytes) -> object:
    """Follow a recipe with a text that some golden vectors fit."""
    return b"".join(rebuild(data, [TEXT.encode()]))


def _read_gzip(data: bytes) -> object:
    """Prove a file that may be gzip, as snapshots do; what is proved must come back."""
    prover = Prover()
    prover.feed(data)
    proof = prover.finish()
    if proof is None:
        return prover.refusal
    assert b"".join(rebuild(proof.recipe, inflate([data]))) == data
    return proof


def _read_salvage(data: bytes) -> object:
    """Salvage a block by its own directory, and by one of two chunks at the end of ``data``."""
    listed = data[-2 * DIRECTORY_ENTRY_BYTES :]
    total = sum(int.from_bytes(listed[begin : begin + 4], "little") for begin in (32, 68))
    with suppress(FormatError):
        return salvage_chunks(data, decode_directory(listed, total))
    return salvage_chunks(data)


def _seal_block(data: bytes) -> bytes:
    begin, end = data[: _BLOCK_CHECKSUM.start], data[_BLOCK_CHECKSUM.stop :]
    return begin + checksum(begin, end) + end


def _seal_pack(data: bytes) -> bytes:
    if len(data) < TRAILER_BYTES:
        return data
    trailer = data[-TRAILER_BYTES:]
    table_offset = min(int.from_bytes(trailer[:8], "little"), len(data))
    table = data[table_offset:-TRAILER_BYTES]
    right = checksum(data[:PACK_HEADER_BYTES], table, trailer[:24], trailer[40:])
    return data[:-TRAILER_BYTES] + trailer[:24] + right + trailer[40:]


def _seal_parity(data: bytes) -> bytes:
    """Seal the head and its copy at the end."""
    if len(data) < PARITY_HEADER_BYTES:
        return data
    sealed = bytearray(data)
    fixed = data[:_PARITY_CHECKSUM_BEGIN]
    directory = data[PARITY_HEADER_BYTES:][: _directory_bytes(fixed)]
    sealed[_PARITY_CHECKSUM_BEGIN:PARITY_HEADER_BYTES] = checksum(fixed, directory)
    fixed, before = data[-PARITY_HEADER_BYTES:-16], data[:-PARITY_HEADER_BYTES]
    directory = before[max(0, len(before) - _directory_bytes(fixed)) :]
    sealed[-16:] = checksum(fixed, directory)
    return bytes(sealed)


def _directory_bytes(fixed: bytes) -> int:
    return 16 * (int.from_bytes(fixed[16:18], "little") + int.from_bytes(fixed[18:20], "little"))


def _seal_verified(data: bytes) -> bytes:
    return data[:8] + checksum(data[:8], data[24:]) + data[24:]


def _seal_json(data: bytes) -> bytes:
    """Return the one text of any JSON object with a right checksum; other bytes as they are."""
    with suppress(ValueError, TypeError, RecursionError):
        record = dict(json.loads(data))
        record.pop("checksum", None)
        return encode_json({**record, "checksum": digest(encode_json(record)).hex()})
    return data


def _seal_record(data: bytes) -> bytes:
    with suppress(ValueError, TypeError, RecursionError):
        return encode_json(json.loads(data))
    return data


DECODERS: dict[str, Decoder] = {
    "block": Decoder(
        lambda data: decode_block(data).original(),
        ("block.decode_block",),
        ("block",),
        _seal_block,
    ),
    "block-header": Decoder(decode_block_header, ("block.decode_block_header",), ("block",)),
    "config": Decoder(
        decode_config,
        ("config.decode_config", "fields.take_hex", "fields.take_id"),
        ("config",),
        _seal_json,
    ),
    "content-list": Decoder(decode_content, ("content.decode_content",)),
    "directory": Decoder(
        lambda data: decode_directory(data[3:], _u24(data)), ("block.decode_directory",)
    ),
    "entry": Decoder(lambda data: decode_entry(memoryview(data)), ("entry.decode_entry",)),
    "foreign-zstd": Decoder(_read_foreign_zstd, ("codecs.unpack_zstd",)),
    "generation": Decoder(
        _read_generation,
        ("generation_record.decode_generation_record",),
        ("generation",),
        _seal_json,
    ),
    "generation-name": Decoder(
        lambda data: parse_generation_name(data.decode("utf-8", "surrogateescape")),
        ("generation_record.parse_generation_name",),
    ),
    "gzip": Decoder(_read_gzip, ()),
    "json": Decoder(
        _read_json,
        ("canonical_json.decode_json", "canonical_json.bytes_from_json"),
        ("config", "policy", "snapshot", "generation"),
        _seal_record,
    ),
    "pack": Decoder(
        read_pack_table, ("pack.decode_trailer", "pack.decode_table"), ("pack",), _seal_pack
    ),
    "pack-header": Decoder(decode_pack_header, ("pack.decode_pack_header",), ("pack",)),
    "parity": Decoder(
        decode_parity_head, ("parity.decode_parity_head",), ("parity",), _seal_parity
    ),
    "parity-foot": Decoder(
        decode_parity_foot, ("parity.decode_parity_foot",), ("parity",), _seal_parity
    ),
    "payload": Decoder(
        _read_payload,
        ("codecs.decode_payload", "codecs.decode_payload_into", "codecs.decode_damaged_zstd"),
    ),
    "piece": Decoder(
        _read_piece,
        (
            "content.check_level_extents",
            "content.glance_at_chunks",
            "entry.glance_at_entry",
            "entry.is_safe_path",
            "entry.lineage_behind",
            "entry.split_entries",
            "pieces.decode_extents",
            "pieces.piece_body",
            "stored_file.stored_files",
        ),
        ("piece",),
    ),
    "policy": Decoder(
        decode_policy,
        (
            "fields.check_version_and_features",
            "fields.take",
            "fields.take_count",
            "fields.take_texts",
            "policy.decode_policy",
        ),
        ("policy",),
        _seal_json,
    ),
    "recipe": Decoder(_read_recipe, (), ("recipe",)),
    "salvage": Decoder(_read_salvage, ("salvage.salvage_chunks",), ("block",)),
    "snapshot": Decoder(
        lambda data: decode_snapshot_record(digest(data), data),
        ("fields.take_time", "snapshot_record.decode_snapshot_record"),
        ("snapshot",),
        _seal_record,
    ),
    "twin": Decoder(decode_twin, ("twin.decode_twin",)),
    "verified": Decoder(
        decode_verified, ("verified.decode_verified",), ("verified",), _seal_verified
    ),
}

NO_DECODERS = {
    "block.level_flags": "writes",
    "block.level_of_flags": "takes any number",
    "canonical_json.bytes_to_json": "writes",
    "entry.entry_contents": "names parts of an entry that has been read",
    "entry.path_sort_key": "compares paths that have been read",
    "generation_record.generation_name": "writes",
    "hashing.checksum": "takes any bytes",
    "hashing.digest": "takes any bytes",
    "hashing.digest_parts": "takes any bytes",
    "hashing.digests": "takes any bytes",
    "reed_solomon.coefficient": "computes; a head of parity bounds its numbers",
    "reed_solomon.parity_shards": "writes",
    "reed_solomon.rebuild_data": "computes with shards whose checksums are right",
}
"""Public function of the format that reads nothing hostile → why."""


def format_functions() -> set[str]:
    """Return the public functions of all modules of the format, as ``module.function``."""
    found = set()
    for module in pkgutil.iter_modules(dedupstore.format.__path__):
        members = vars(import_module(f"{dedupstore.format.__name__}.{module.name}"))
        found |= {
            f"{module.name}.{name}"
            for name, member in members.items()
            if inspect.isfunction(member)
            and member.__module__ == members["__name__"]
            and not name.startswith("_")
        }
    return found


def samples(name: str, bytes_max: int = 1 << 16) -> list[bytes]:
    """Return bytes of golden vectors that a decoder reads or refuses, each at most once."""
    if name == "entry":
        bodies = (sample[4:] for sample in samples("piece") if sample[3:4] == b"\0")
        found = [entry for body in bodies for entry in _entries(body)]
    elif name == "directory":
        blocks = (sample for sample in samples("block") if len(sample) >= 40)
        found = [sample[12:15] + sample[40:76] for sample in blocks]
    elif name in ("content-list", "twin"):
        found = [part for entry in samples("entry") for part in _parts_of_entry(name, entry)]
    elif name == "payload":
        found = [sample[5:6] + sample[12:15] + sample[76:] for sample in samples("block")]
    elif name == "foreign-zstd":
        found = [sample[4:] for sample in samples("payload")]
    elif name == "gzip":
        found = [path.read_bytes() for path in sorted(GOLDEN_TWINS.glob("*.gz"))]
    elif name == "generation-name":
        found = [b"0000000000000001", b"3fffffffffffffff", b"ffffffffffffffff", b"README"]
    else:
        found = [_joined(vector) for vector in vectors_of(DECODERS[name].vectors)]
    return [sample for sample in dict.fromkeys(found) if len(sample) <= bytes_max]


def vectors_of(kinds: Sequence[str]) -> Iterator[Vector]:
    """Yield the golden vectors of some kinds."""
    return (vector for vector in load_all() if vector.decoder in kinds)


def _joined(vector: Vector) -> bytes:
    return b"".join(vector.parts())


def _entries(body: bytes) -> list[bytes]:
    entries = []
    with suppress(FormatError):
        entries += [bytes(entry) for entry in split_entries(body)]
    return entries


def _parts_of_entry(name: str, data: bytes) -> Iterator[bytes]:
    with suppress(*REFUSALS):
        entry = decode_entry(memoryview(data))
        if name == "content-list":
            yield from map(encode_content, entry_contents(entry))
        elif entry.twin is not None:
            yield encode_twin(entry.twin)
