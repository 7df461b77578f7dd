"""Vectors of recipes (twins.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dedupstore.limits import RECIPE_BYTES_MAX
from golden.format.vectors import Vector, accepted, refused

TEXT = """\
2026-03-01T12:00:00Z web-1 GET /index.html 200 1000
2026-03-01T12:00:07Z web-1 GET /a 302 1001
2026-03-01T12:00:14Z web-1 GET /logo.png 404 1004
2026-03-01T12:00:21Z web-1 GET /index.html 200 1009
2026-03-01T12:00:28Z web-1 GET /a/b 302 1016
2026-03-01T12:00:35Z web-1 GET /aaaaaaaaaaaaaaaaaaaaaaaa 404 1025
"""
HEADER = bytes.fromhex("1f8b0800000000000003")
TRAILER = bytes.fromhex("8966748d34010000")

LAZY = bytes((2, 0, 15, 15, 8, 16, 0x80, 1, 0x80, 1))
"""Level 6."""

FAST = bytes((1, 0, 15, 15, 4, 4, 8, 4))
"""Level 1."""

NONE = bytes((0, 0))
STORED, FIXED, DYNAMIC = 0, 1, 2

# Streams that zlib 1.2.13 made of the text.
OF_LEVEL_6 = """
33323032d33530d635300c3134b2323000a22885f2d4245d430577d71005fdccbc94d40abd8c92dc1c05230303054303
03032e230c3de6287a12158c0d8c404a0d31951a9aa028cdc94fcfd72bc84b5730313001e930c1d4616448c0419658f4
58a03a483f09ea2443334cc5c6a6a88a7100a8138d4cb900
"""
OF_LEVEL_1 = """
6dce410a83400c85e1bda7c805465f32a3d5ee8b1770e56e44b105ab2e0a7afc2ab8093164f97ff004523878076e589e
c0f12d6d43e798ea5743d967ee873d7dffbe1309400c2011631eca44f29033659b7250e9b48c4bbace23058453042b84
95b083aa1b532a13b3ee9ac4858d7daee3787fd744c9933f
"""
OF_RUNS = """
75c1bd6dc3301804d05e53dc029f7977949984bda00558a93361c236e09f1406e4f13341de335d8239a82657b2921bf6
d143589786747b9ec7e7707d3fee3009919c4c97600eaac995acfcdab08f1ec2ba34a413320d919a4c97600eaac995ac
9a37eca387b02e0de9febabc0ebfcf0b66ce10394fa64b3007d5e44a566bc33e7a08ebd2906ecff3f81caeefc71d2621
f267325d8239a82657b2fa7bc33e7a08ebd2904ea923d3105526d32598836a72256b3e6ed8470f615d1ad2e91f983943
f471fa03
"""
FILTERED = """
858e310e824014057b4ef12eb0f0dedf0595de78012a3b890448102848f0f836349bd538f54c3246ab1cbda31a594dd6
e41d7bd73ae1766d508cf3b37be7c3f69a60244432b3a43945cd039e06914a5585489d967ec9d7b9476080c89016a63f
43972fcd391e2ada6349552afb32967f702c5a997d00
"""
SYNC_FLUSHED = """
32323032d33530d635300c3134b2323000a22885f2d4245d430577d71005fdccbc94d40abd8c92dc1c05230303054303
03032e00000000ffff32c2d0638ea22751c1d8c008a4d4900b000000ffffc2506a6882a234273f3d5faf202f5dc1c4c0
04a4c3840b000000ffffc3d0616448c0419658f458a03a483f09ea2443334cc5c6a6a88a7100a8138d4cb900
"""
FULL_FLUSHED = """
32323032d33530d635300c3134b2323000a22885f2d4245d430577d71005fdccbc94d40abd8c92dc1c05230303054303
03032e00000000ffff32323032d33530d635300c3134b23230b032308f52284f4dd2355470770d51d04f543036305230
343030e402000000ffff32323032d33530d635300c3134b23230b032348952284f4dd2355470770d51d0cfc94fcfd72b
c84b573031305130343030e102000000ffff33323032d33530d635300c3134b23230b032328c52284f4dd2355470770d
51d0cfcc4b49add0cb28c9cd5130323050303430b0e432c2d06381a227513f49c1d8c008a8d8d00c53b1b129aa621c40
c1c4c004688291291700
"""

# A stream that zopfli 1.0.3 made of the text, and the trees that it took.
OF_ZOPFLI = """
858eb51503410c44f3ab42051ccce8786343031b39323373f766463d65435fa18987d0032dd50087afc8a655f728e5a2
95a0376eb6b67e77391a8a024200ce7b267dcad424841ead7cb7327ab20e279d893f1d772442744c44ef09e51fa0fc43
267b060aea172426efe6307e367fb90ba2c6ce1e
"""
ZOPFLI_TREES = """
000010111000110101101101010001100000010000010001100000010001011001111110101010100001010100000001
110000011001100010111000111101100011011000010110000001101100010011100010011001100110011001110111
01111011001100110001010111100101001101100001011111
"""


def varint(number: int) -> bytes:
    """Return a number in groups of seven bits."""
    groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:])


def verbatim(data: bytes) -> bytes:
    """Return a section of bytes of the file."""
    return b"\1" + varint(len(data)) + data


def flushes(gaps: Sequence[int] = (), emptied: bytes = b"") -> bytes:
    """Return flush points, given by what each is more than the one before."""
    return varint(len(gaps)) + b"".join(map(varint, gaps)) + emptied


def block(kind: int, count: int | None, trees: str = "") -> bytes:
    """Return a block; ``count`` is None where it is that of the block before."""
    head = kind | (4 if trees else 0) | (8 if count is None else 0)
    counted = b"" if count is None else varint(count)
    return bytes((head,)) + counted + (own_trees(trees) if trees else b"")


def own_trees(bits: str) -> bytes:
    """Return the trees of a block, given as 0 and 1."""
    return varint(len(bits)) + int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")


def corrections(
    gaps: Sequence[int] = (),
    kinds: bytes = b"",
    lengths: Sequence[int] = (),
    numbers: Sequence[int] = (),
) -> bytes:
    """Return corrections; ``numbers`` are hops, then distances less one."""
    lists = bytes(length - 3 for length in lengths) + b"".join(map(varint, numbers))
    return varint(len(gaps)) + b"".join(map(varint, gaps)) + kinds + lists


def stream(
    parameters: bytes = LAZY,
    blocks: Sequence[bytes] = (block(FIXED, 101),),
    corrected: bytes = b"\0",
    *,
    text_bytes: int = len(TEXT),
    flushed: bytes = b"\0",
    block_count: int | None = None,
) -> bytes:
    """Return a section of a stream; without more, that of the text at level 6."""
    count = varint(len(blocks) if block_count is None else block_count)
    return b"\2" + parameters + varint(text_bytes) + flushed + count + b"".join(blocks) + corrected


def recipe(*sections: bytes, version: int = 1) -> bytes:
    """Return a recipe."""
    return bytes((version,)) + b"".join(sections)


def of_text(section: bytes) -> bytes:
    """Return the recipe of a file with one stream."""
    return recipe(verbatim(HEADER), section, verbatim(TRAILER))


def made(name: str, rules: str, data: bytes, file: bytes, text: str = TEXT) -> Vector:
    """Return a vector of a recipe that makes a file."""
    return accepted(f"recipe-{name}", "recipe", rules, data, {"file": file.hex()}, text=text)


def damaged(name: str, rules: str, data: bytes, text: str = TEXT) -> Vector:
    """Return a vector of a recipe that is refused."""
    return refused("damaged", f"recipe-{name}", "recipe", rules, data, text=text)


def cases() -> Iterator[Vector]:
    """Yield all vectors of recipes."""
    yield from _accepted()
    yield from _corrected()
    yield refused(
        "newer",
        "recipe-version-2",
        "recipe",
        "Z-01",
        recipe(verbatim(HEADER), stream(), version=2),
        text=TEXT,
    )
    yield from _refused_layouts()
    yield from _refused_streams()


def _accepted() -> Iterator[Vector]:
    lengths = (52, 43, 50)
    flushed = [block(FIXED, count) for count in (50, 12, 19, 22)]
    full = [block(FIXED, count) for count in (50, 43, 50, 79)]
    empty = block(STORED, 0)
    for name, rules, parameters, blocks, gaps, emptied, deflated in (
        ("lazy", "Z-02 Z-03", LAZY, [block(FIXED, 101)], (), b"", OF_LEVEL_6),
        ("fast", "Z-06", FAST, [block(DYNAMIC, 104)], (), b"", OF_LEVEL_1),
        ("runs", "Z-06", b"\3\0", [block(DYNAMIC, 286)], (), b"", OF_RUNS),
        ("filtered", "Z-06", b"\2\1" + LAZY[2:], [block(DYNAMIC, 109)], (), b"", FILTERED),
        ("sync", "Z-07", LAZY, _joined(flushed, empty), lengths, b"\0", SYNC_FLUSHED),
        ("full", "Z-07 Z-08", LAZY, _joined(full, empty), lengths, b"\7", FULL_FLUSHED),
    ):
        section = stream(parameters, blocks, flushed=flushes(gaps, emptied))
        yield made(name, rules, of_text(section), HEADER + bytes.fromhex(deflated) + TRAILER)
    stored = b"\1\x34\1\xcb\xfe" + TEXT.encode()
    section = stream(NONE, [block(STORED, 308)])
    yield made("stored", "Z-10", of_text(section), HEADER + stored + TRAILER)
    halves = b"\0\x9a\0\x65\xff%b\1\x9a\0\x65\xff%b" % (TEXT[:154].encode(), TEXT[154:].encode())
    section = stream(NONE, [block(STORED, 154), block(STORED, None)])
    yield made("same-count", "Z-10", of_text(section), HEADER + halves + TRAILER)
    nothing = stream(NONE, [block(FIXED, 0)], text_bytes=0)
    end = HEADER + b"\3\0" + bytes(8)
    data = recipe(verbatim(HEADER), nothing, verbatim(bytes(8)))
    yield made("of-nothing", "Z-09", data, end, "")
    between = verbatim(TRAILER + HEADER)
    data = recipe(verbatim(HEADER), stream(), between, nothing, verbatim(bytes(8) + b"garbage"))
    first = HEADER + bytes.fromhex(OF_LEVEL_6) + TRAILER
    yield made("members", "Z-04 Z-05", data, first + end + b"garbage")


def _joined(blocks: list[bytes], between: bytes) -> list[bytes]:
    joined = [part for block in blocks for part in (block, between)]
    return joined[:-1]


def _corrected() -> Iterator[Vector]:
    level_9 = bytes((2, 0, 15, 15, 32, 0x82, 2, 0x82, 2, 0x80, 0x20))
    trees = "".join(ZOPFLI_TREES.split())
    section = stream(level_9, [block(DYNAMIC, 100, trees)], corrections((50,), b"\3", (18,), (51,)))
    yield made(
        "own-trees",
        "Z-11 Z-17 Z-18",
        of_text(section),
        HEADER + bytes.fromhex(OF_ZOPFLI) + TRAILER,
    )
    for name, count, corrected, deflated in CORRECTED:
        section = stream(LAZY, [block(FIXED, count)], corrected, text_bytes=len(SHORT))
        yield made(
            f"corrected-{name}", "Z-12 Z-13 Z-14", recipe(section), bytes.fromhex(deflated), SHORT
        )


SHORT = "_abcdXabcdYabcdZabcd"

# What is predicted of it: _abcdX, 4 back 5, Y, 4 back 5, Z, 4 back 5.
CORRECTED: Sequence[tuple[str, int, bytes, str]] = (
    ("literal", 12, corrections((6,), b"\0"), "8b4f4c4a4e894804129120220a440000"),
    ("length", 12, corrections((6,), b"\1", (3,)), "8b4f4c4a4e890012299120220a440000"),
    ("hop", 11, corrections((10,), b"\2", (4,), (2,)), "8b4f4c4a4e8900119120220ac40500"),
    ("distance", 11, corrections((10,), b"\3", (4,), (9,)), "8b4f4c4a4e8900119120220ac40200"),
    ("literals", 14, corrections((6, 0), b"\0"), "8b4f4c4a4e89484c4a4e89041151200200"),
)


def _refused_layouts() -> Iterator[Vector]:
    sound = stream()
    long = varint(RECIPE_BYTES_MAX)
    for name, rules, data in (
        ("empty", "Z-02", b""),
        ("without-sections", "Z-02", recipe()),
        ("kind-0", "Z-02", recipe(b"\0", sound)),
        ("kind-3", "Z-02", recipe(sound, b"\3")),
        ("stream-cut-off", "Z-02", recipe(sound[:-1])),
        ("verbatim-cut-off", "Z-02", recipe(sound, verbatim(TRAILER)[:-1])),
        ("varint-cut-off", "Z-02", recipe(sound, b"\1\x80")),
        ("varint-too-long", "Z-03", recipe(sound, b"\1\x88\0" + TRAILER)),
        ("varint-of-2-to-63", "Z-03", recipe(sound, b"\1" + b"\x80" * 9 + b"\1")),
        ("verbatim-empty", "Z-04", recipe(sound, verbatim(b""))),
        ("verbatim-twice", "Z-04", recipe(sound, verbatim(TRAILER), verbatim(TRAILER))),
        ("matcher-4", "Z-06", recipe(stream(b"\4\0"))),
        ("filtered-fast", "Z-06", recipe(stream(b"\1\1" + FAST[2:]))),
        ("option-unknown", "Z-06", recipe(stream(b"\2\2" + LAZY[2:]))),
        ("window-8", "Z-06", recipe(stream(b"\2\0\10" + LAZY[3:]))),
        ("window-16", "Z-06", recipe(stream(b"\2\0\20" + LAZY[3:]))),
        ("hash-7", "Z-06", recipe(stream(LAZY[:3] + b"\7" + LAZY[4:]))),
        ("hash-17", "Z-06", recipe(stream(LAZY[:3] + b"\21" + LAZY[4:]))),
        ("good-259", "Z-06", recipe(stream(LAZY[:4] + b"\x83\2" + LAZY[5:]))),
        ("lazy-259", "Z-06", recipe(stream(LAZY[:5] + b"\x83\2" + LAZY[6:]))),
        ("nice-2", "Z-06", recipe(stream(LAZY[:6] + b"\2\x80\1"))),
        ("nice-259", "Z-06", recipe(stream(LAZY[:6] + b"\x83\2\x80\1"))),
        ("chain-3", "Z-06", recipe(stream(LAZY[:8] + b"\3"))),
        ("chain-4097", "Z-06", recipe(stream(LAZY[:8] + b"\x81\x20"))),
        ("flush-point-0", "Z-07", recipe(stream(flushed=flushes((0,), b"\0")))),
        ("flush-point-twice", "Z-07", recipe(stream(flushed=flushes((52, 0), b"\0")))),
        ("flush-point-at-end", "Z-07", recipe(stream(flushed=flushes((308,), b"\0")))),
        ("flush-points-too-many", "Z-02", recipe(stream(flushed=long))),
        ("flush-bits-spare", "Z-08", recipe(stream(flushed=flushes((52,), b"\2")))),
        ("trees-bits-spare", "Z-08", recipe(stream(blocks=[b"\6\1\x11\0\0\2"]))),
        ("kinds-bits-spare", "Z-08", recipe(stream(corrected=corrections((5,), b"\4")))),
        ("without-blocks", "Z-09", recipe(stream(blocks=[]))),
        ("block-type-3", "Z-09", recipe(stream(blocks=[block(3, 101)]))),
        ("block-bit-4", "Z-09", recipe(stream(blocks=[block(FIXED | 16, 101)]))),
        ("trees-of-fixed-block", "Z-09", recipe(stream(blocks=[block(FIXED, 101, "1" * 17)]))),
        ("blocks-too-many", "Z-02", recipe(stream(block_count=RECIPE_BYTES_MAX))),
        ("count-too-high", "Z-10", recipe(stream(blocks=[block(FIXED, 1_048_577)]))),
        ("stored-count-too-high", "Z-10", recipe(stream(blocks=[block(STORED, 65_536)]))),
        ("same-count-first", "Z-10", recipe(stream(blocks=[block(FIXED, None)]))),
        ("same-count-said", "Z-10", recipe(stream(blocks=[block(FIXED, 9), block(FIXED, 9)]))),
        (
            "same-count-too-high",
            "Z-10",
            recipe(stream(blocks=[block(FIXED, 65_536), block(STORED, None)])),
        ),
        ("corrections-too-many", "Z-02", recipe(stream(corrected=long))),
        ("hop-4096", "Z-11", recipe(stream(corrected=corrections((9,), b"\2", (4,), (4096,))))),
        (
            "distance-32769",
            "Z-11",
            recipe(stream(corrected=corrections((9,), b"\3", (4,), (32768,)))),
        ),
    ):
        yield damaged(name, rules, data)
    too_long = (recipe(sound) + b"\1" + varint(1_114_113), (b"\0", 1_114_113))
    yield Vector(
        "recipe-verbatim-too-long", "recipe", ("Z-04",), "damaged", too_long, {"text": TEXT}
    )


def _refused_streams() -> Iterator[Vector]:
    yield damaged("text-too-long", "Z-05", of_text(stream()), TEXT + "x")
    yield damaged("text-too-short", "Z-05", of_text(stream()), TEXT[:-1])
    for name, rules, count, corrected in (
        ("match-over-end", "Z-12", 11, corrections((10,), b"\1", (5,))),
        ("match-not-in-text", "Z-13", 11, corrections((10,), b"\3", (4,), (0,))),
        ("match-before-text", "Z-13", 11, corrections((10,), b"\3", (4,), (16,))),
        ("hop-without-candidate", "Z-14", 11, corrections((10,), b"\2", (4,), (3,))),
        ("length-of-literal", "Z-14", 11, corrections((9,), b"\1", (3,))),
        ("literal-as-predicted", "Z-15", 11, corrections((0,), b"\0")),
        ("length-as-predicted", "Z-15", 11, corrections((10,), b"\1", (4,))),
        ("hop-as-predicted", "Z-15", 11, corrections((10,), b"\2", (4,), (0,))),
        ("distance-as-predicted", "Z-15", 11, corrections((10,), b"\3", (4,), (4,))),
        ("blocks-too-short", "Z-16", 10, corrections()),
        ("blocks-too-long", "Z-16", 12, corrections()),
        ("corrections-left", "Z-16", 11, corrections((11,), b"\0")),
    ):
        section = stream(LAZY, [block(FIXED, count)], corrected, text_bytes=len(SHORT))
        yield damaged(name, rules, recipe(section), SHORT)
    over = stream(
        LAZY,
        [block(FIXED, 11)],
        corrections((8,), b"\3", (4,), (4,)),
        text_bytes=len(SHORT),
        flushed=flushes((12,), b"\0"),
    )
    yield damaged("match-over-flush-point", "Z-12", recipe(over), SHORT)
    for name, text_bytes, blocks in (
        ("stored-too-long", 20, [block(STORED, 21)]),
        ("stored-too-short", 20, [block(STORED, 19)]),
    ):
        section = stream(NONE, blocks, text_bytes=text_bytes)
        yield damaged(name, "Z-16", recipe(section), SHORT)
    for name, rules, trees in _refused_trees():
        section = stream(NONE, [block(DYNAMIC, 2, trees)], text_bytes=2)
        yield damaged(f"trees-{name}", rules, recipe(section), "aa")


def _refused_trees() -> Iterator[tuple[str, str, str]]:
    """Yield names, rules and trees of a block that should have a code for ``a``."""
    sound = _trees("0" * 97 + "1" + "0" * 158 + "1", "0")
    yield "bits-behind", "Z-17", sound + "0"
    yield "cut-off", "Z-17", sound[:-1]
    yield "too-short", "Z-17", "0" * 16
    yield "too-long", "Z-17", "0" * 4501
    yield "hlit-30", "Z-17", "01111" + sound[5:]
    yield "hdist-30", "Z-17", sound[:5] + "01111" + sound[10:]
    yield "code-of-lengths-incomplete", "Z-17", sound.replace("100", "010", 1)
    yield "literals-incomplete", "Z-17", _trees("0" * 256 + "2", "0")
    yield "literals-too-many", "Z-17", _trees("0" * 95 + "111" + "0" * 158 + "1", "0")
    yield "without-end", "Z-17", _trees("0" * 97 + "11" + "0" * 158, "0")
    yield "distances-incomplete", "Z-17", _trees("0" * 97 + "1" + "0" * 158 + "1", "2")
    yield "repeat-of-nothing", "Z-17", _trees("r" + "0" * 253 + "1", "0")
    yield "repeat-too-often", "Z-17", _trees("0" * 97 + "1" + "0" * 158 + "1", "r")
    yield "without-code", "Z-18", _trees("0" * 98 + "1" + "0" * 157 + "1", "0")


LENGTH_CODES = {"0": "00", "1": "01", "2": "10", "r": "11" + "00"}
"""The codes of two bits of the lengths 0, 1 and 2, and of three times the one before."""


def _trees(literals: str, distances: str) -> str:
    """Return trees whose lengths are written one by one; ``r`` repeats three times."""
    named = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
    two_bits = "".join("010" if symbol in (0, 1, 2, 16) else "000" for symbol in named)
    counts = "00000" + "00000" + f"{len(named) - 4:04b}"[::-1]
    return counts + two_bits + "".join(LENGTH_CODES[length] for length in literals + distances)
