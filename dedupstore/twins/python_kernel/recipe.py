"""Recipes as bytes (docs/format/twins.md)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from dedupstore.errors import FormatError
from dedupstore.limits import RECIPE_BYTES_MAX
from dedupstore.twins.python_kernel.alphabets import DISTANCE_MAX, LENGTH_MAX, LENGTH_MIN
from dedupstore.twins.python_kernel.huffman import number_bits
from dedupstore.twins.python_kernel.plan import (
    Block,
    BlockType,
    Corrections,
    Fix,
    Matcher,
    Parameters,
    Section,
    StreamPlan,
)
from dedupstore.twins.python_kernel.varint import (
    RecipeBytes,
    append_small_numbers,
    append_varint,
)
from dedupstore.twins.recipe_version import RECIPE_VERSION, check_version

VERBATIM_BYTES_MAX = 1_114_112
TOKENS_MAX = 1_048_576
STORED_BYTES_MAX = 65_535
HOPS_MAX = 4096
OWN_TREES_BITS_MIN, OWN_TREES_BITS_MAX = 17, 4500
CHAIN_MAX = 4096

_VERBATIM, _STREAM = 1, 2
_FILTERED = 1
_TYPE, _OWN_TREES, _SAME_COUNT = 3, 4, 8


def encode_recipe(sections: Sequence[Section]) -> bytes:
    """Return the recipe of a file; verbatim sections are not neighbours."""
    recipe = bytearray((RECIPE_VERSION,))
    for section in sections:
        recipe += encode_section(section)
    return bytes(recipe)


def encode_section(section: Section) -> bytes:
    """Return one section of a recipe."""
    encoded = bytearray()
    if isinstance(section, bytes):
        encoded.append(_VERBATIM)
        append_varint(encoded, len(section))
        return bytes(encoded + section)
    encoded.append(_STREAM)
    _append_parameters(encoded, section.parameters)
    append_varint(encoded, section.text_bytes or 0)
    append_varint(encoded, len(section.flush_points))
    previous = 0
    for point in section.flush_points:
        append_varint(encoded, point - previous)
        previous = point
    append_small_numbers(encoded, section.emptied, 1)
    append_varint(encoded, len(section.blocks))
    count = -1
    for block in section.blocks:
        append_block(encoded, block, count)
        count = block.count
    _append_corrections(encoded, section.corrections)
    return bytes(encoded)


def decode_recipe(recipe: bytes) -> list[Section]:
    """Read a recipe.

    Raises:
        FormatError: it breaks a rule that can be told without the text.
        UnsupportedFormat: it is of another version.
    """
    if len(recipe) > RECIPE_BYTES_MAX:
        raise FormatError(f"a recipe has {len(recipe)} bytes")
    check_version(recipe)
    reader = RecipeBytes(recipe[1:])
    sections: list[Section] = []
    while reader.left_bytes:
        kind = reader.byte()
        if kind == _STREAM:
            sections.append(_decode_stream(reader))
        elif kind != _VERBATIM:
            raise FormatError(f"a recipe has a section of kind {kind}")
        elif sections and isinstance(sections[-1], bytes):
            raise FormatError("a recipe has two verbatim sections in a row")
        else:
            sections.append(reader.take(reader.varint(1, VERBATIM_BYTES_MAX)))
    if not sections:
        raise FormatError("a recipe is empty")
    return sections


def _append_parameters(encoded: bytearray, parameters: Parameters) -> None:
    encoded += bytes((parameters.matcher, _FILTERED if parameters.filtered else 0))
    if parameters.searches:
        encoded += bytes((parameters.window_bits, parameters.hash_bits))
        for number in (parameters.good, parameters.lazy, parameters.nice, parameters.chain):
            append_varint(encoded, number)


def _decode_parameters(reader: RecipeBytes) -> Parameters:
    matcher, options = reader.byte(), reader.byte()
    if matcher > Matcher.RUNS:
        raise FormatError(f"a recipe has the matcher {matcher}")
    if options > (_FILTERED if matcher == Matcher.LAZY else 0):
        raise FormatError(f"a recipe has the options {options}")
    if matcher not in (Matcher.FAST, Matcher.LAZY):
        return Parameters(Matcher(matcher))
    window_bits, hash_bits = reader.byte(), reader.byte()
    if not (9 <= window_bits <= 15 and 8 <= hash_bits <= 16):
        raise FormatError("a recipe has a window or hash of a wrong size")
    return Parameters(
        Matcher(matcher),
        window_bits,
        hash_bits,
        good=reader.varint(0, LENGTH_MAX),
        lazy=reader.varint(0, LENGTH_MAX),
        nice=reader.varint(LENGTH_MIN, LENGTH_MAX),
        chain=reader.varint(4, CHAIN_MAX),
        filtered=bool(options),
    )


def _decode_stream(reader: RecipeBytes) -> StreamPlan:
    plan = StreamPlan(_decode_parameters(reader))
    plan.text_bytes = reader.varint()
    point = 0
    # A count that is too high ends with the recipe: each of what it counts takes a byte or more.
    for _ in range(reader.varint(0, reader.left_bytes)):
        point += reader.varint(1)
        plan.flush_points.append(point)
    if point and point >= plan.text_bytes:
        raise FormatError("a recipe has a flush point behind its text")
    plan.emptied += reader.small_numbers(len(plan.flush_points), 1)
    count = -1
    for _ in range(reader.varint(1, max(1, reader.left_bytes))):
        plan.blocks.append(_decode_block(reader, count))
        count = plan.blocks[-1].count
    plan.corrections = _decode_corrections(reader)
    return plan


def append_block(encoded: bytearray, block: Block, previous_count: int) -> None:
    """Append a block behind one with ``previous_count``, which is -1 for the first."""
    same = block.count == previous_count
    own = block.own_trees
    encoded.append(block.type | (_OWN_TREES if own else 0) | (_SAME_COUNT if same else 0))
    if not same:
        append_varint(encoded, block.count)
    if own:
        append_varint(encoded, len(own))
        encoded += int(own[::-1], 2).to_bytes((len(own) + 7) // 8, "little")


def _decode_block(reader: RecipeBytes, previous_count: int) -> Block:
    head = reader.byte()
    kind, own = head & _TYPE, bool(head & _OWN_TREES)
    if head >= 2 * _SAME_COUNT or kind > BlockType.DYNAMIC or (own and kind != BlockType.DYNAMIC):
        raise FormatError(f"a recipe has a block of kind {head}")
    most = STORED_BYTES_MAX if kind == BlockType.STORED else TOKENS_MAX
    if head & _SAME_COUNT:
        count = previous_count
        if not 0 <= count <= most:
            raise FormatError("a block of a recipe repeats a count that is not there, or too high")
    else:
        count = reader.varint(0, most)
        if count == previous_count:
            raise FormatError("a block of a recipe says a count that it should repeat")
    return Block(BlockType(kind), count, _decode_own_trees(reader) if own else "")


def _decode_own_trees(reader: RecipeBytes) -> str:
    count = reader.varint(OWN_TREES_BITS_MIN, OWN_TREES_BITS_MAX)
    packed = int.from_bytes(reader.take((count + 7) // 8), "little")
    if packed >> count:
        raise FormatError("spare bits of a recipe are not 0")
    return number_bits(packed, count)


def _append_corrections(encoded: bytearray, corrections: Corrections) -> None:
    append_varint(encoded, len(corrections.gaps))
    for gap in corrections.gaps:
        append_varint(encoded, gap)
    append_small_numbers(encoded, corrections.kinds, 2)
    encoded += bytes(length - LENGTH_MIN for length in corrections.lengths)
    for hop in corrections.hops:
        append_varint(encoded, hop)
    for distance in corrections.distances:
        append_varint(encoded, distance - 1)


def _decode_corrections(reader: RecipeBytes) -> Corrections:
    count = reader.varint(0, reader.left_bytes)
    gaps = array("Q", (reader.varint() for _ in range(count)))
    kinds = bytearray(reader.small_numbers(count, 2))
    hop_count, distance_count = kinds.count(Fix.HOP), kinds.count(Fix.DISTANCE)
    lengths = reader.take(count - kinds.count(Fix.LITERAL))
    return Corrections(
        gaps,
        kinds,
        array("H", (length + LENGTH_MIN for length in lengths)),
        array("H", (reader.varint(0, HOPS_MAX - 1) for _ in range(hop_count))),
        array("H", (reader.varint(0, DISTANCE_MAX - 1) + 1 for _ in range(distance_count))),
    )
