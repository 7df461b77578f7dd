"""Vectors of configs and snapshot records (README.md, repository.md, snapshots.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from dedupstore.format.hashing import digest
from golden.format.layouts import MISSING, config_text, json_text, snapshot_fields
from golden.format.vectors import Vector, accepted, refused

damaged = partial(refused, "damaged")
newer = partial(refused, "newer")

CONFIG_VALUE: dict[str, Any] = {
    "repository_id": "11" * 32,
    "created": "2026-03-01T12:00:00Z",
    "chunking": {
        "algorithm": "gear-line-1",
        "seed": b"published".hex(),
        "bytes_min": 16384,
        "bytes_target": 65536,
        "bytes_max": 262144,
        "line_bound_bytes": 16384,
    },
}

SNAPSHOT_VALUE = {
    "repository_id": "11" * 32,
    "time": "2026-03-01T12:00:00.000250Z",
    "set_name": "web-1",
    "host": "web-1",
    "paths": [b"/var/log".hex(), b"/var/\x80L".hex()],
    "tags": ["nightly"],
    "manifest": "22" * 32,
    "manifest_level": 1,
    "counts": {
        "files": 2,
        "directories": 1,
        "symlinks": 1,
        "content_bytes": 12,
        "unreadable": 0,
    },
    "previous": None,
    "program": "dedupstore 0.1.0",
}


def cases() -> Iterator[Vector]:
    """Yield all vectors of these pages."""
    yield from _accepted()
    yield from _refused_texts()
    yield from _refused_configs()
    yield from _refused_values()
    yield from _refused_snapshots()


def _snapshot(
    outcome: Any, name: str, rules: str, text: str | None = None, **changes: Any
) -> Vector:
    data = text if text is not None else json_text(snapshot_fields(**changes))
    return refused(outcome, name, "snapshot", rules, data, id=digest(data.encode()).hex())


def _accepted() -> Iterator[Vector]:
    text = config_text()
    yield accepted("config", "config", "C-01 J-03", text, CONFIG_VALUE)
    text = config_text(parity_percent=10)
    value = CONFIG_VALUE | {"parity_percent": 10}
    yield accepted("config-parity", "config", "C-04", text, value)
    extra = config_text(extra={"list": [], "nothing": None})
    yield Vector(
        "config-unknown-field", "config", ("V-03",), "accepted", (extra.encode(),), {}, CONFIG_VALUE
    )
    text = json_text(snapshot_fields())
    id_ = digest(text.encode()).hex()
    yield accepted("snapshot", "snapshot", "S-01 J-09", text, SNAPSHOT_VALUE, id=id_)
    text = json_text(snapshot_fields(paths=[], tags=[], previous="33" * 32, time=_SECOND))
    id_ = digest(text.encode()).hex()
    value = SNAPSHOT_VALUE | {"paths": [], "tags": [], "previous": "33" * 32, "time": _SECOND}
    yield accepted("snapshot-with-previous", "snapshot", "S-03 J-08", text, value, id=id_)


_SECOND = "2026-03-01T12:00:01Z"


def _refused_texts() -> Iterator[Vector]:
    text = config_text()
    yield damaged("config-empty", "config", "J-01", b"")
    yield damaged("config-not-utf-8", "config", "J-01", text.encode().replace(b"gear", b"\xffear"))
    yield damaged("config-cut-off", "config", "J-01", text[:-3])
    yield damaged("config-a-list", "config", "J-01", "[]\n")
    yield Vector(
        "config-too-long", "config", ("J-02",), "damaged", (text.encode(), (b" ", 1 << 16))
    )
    yield damaged("config-byte-order-mark", "config", "J-03", "\ufeff" + text)
    yield damaged("config-newline-missing", "config", "J-03", text[:-1])
    yield damaged("config-crlf", "config", "J-03", text.replace("\n", "\r\n"))
    yield damaged("config-compact", "config", "J-03", json.dumps(json.loads(text)))
    twice = text.replace('  "created"', '  "created": "2026-03-01T13:00:00Z",\n  "created"')
    yield damaged("config-name-twice", "config", "J-03", twice)
    yield damaged("config-escape-needless", "config", "J-03", text.replace("gear", "\\u0067ear"))
    fields = snapshot_fields(tags=["\ud800"])
    lone = json.dumps(fields, sort_keys=True, indent=2, ensure_ascii=True) + "\n"
    yield _snapshot("damaged", "snapshot-half-a-surrogate-pair", "J-03", lone)
    unsorted = json.dumps(dict(reversed(snapshot_fields().items())), indent=2) + "\n"
    yield _snapshot("damaged", "snapshot-fields-unsorted", "J-03", unsorted)
    for name, number in (
        ("fraction", "1.0"),
        ("exponent", "1e3"),
        ("nan", "NaN"),
        ("infinity", "-Infinity"),
        ("too-large", str(1 << 63)),
        ("too-small", str(-(1 << 63) - 1)),
    ):
        spelled = json_text(snapshot_fields(unknown=123456)).replace("123456", number)
        yield _snapshot("damaged", f"snapshot-number-{name}", "J-04", spelled)
    digits = json_text(snapshot_fields(unknown=123456)).replace("123456", "9" * 5000)
    yield _snapshot("damaged", "snapshot-number-of-5000-digits", "J-04", digits)
    nested: Any = 0
    for _ in range(16):
        nested = [nested]
    yield _snapshot("damaged", "snapshot-nested-17-deep", "J-05", unknown=nested)
    flat = json_text(snapshot_fields(unknown=123456)).replace("123456", "[" * 3000 + "]" * 3000)
    yield _snapshot("damaged", "snapshot-nested-3000-deep", "J-05", flat)


def _refused_configs() -> Iterator[Vector]:
    yield damaged("config-checksum-wrong", "config", "C-01", config_text(checksum="00" * 32))
    changed = config_text().replace('"format": 1', '"format": 2')
    yield damaged("config-format-flipped", "config", "C-01", changed)
    yield damaged(
        "config-checksum-missing",
        "config",
        "J-06",
        json_text({"format": 1, "features_required": []}),
    )
    yield newer("config-format-2", "config", "V-01", config_text(format=2))
    yield newer("config-feature-unknown", "config", "V-02", config_text(features_required=["x"]))
    yield damaged("config-format-a-text", "config", "J-06", config_text(format="1"))
    yield damaged("config-format-true", "config", "J-06", config_text(format=True))
    yield damaged("config-features-a-number", "config", "J-06", config_text(features_required=[1]))
    yield damaged("config-created-missing", "config", "J-06", config_text(created=None))
    for name, percent in (("0", 0), ("101", 101)):
        text = config_text(parity_percent=percent)
        yield damaged(f"config-parity-{name}", "config", "C-04", text)
    yield damaged("config-parity-a-text", "config", "J-06", config_text(parity_percent="10"))
    chunking = CONFIG_VALUE["chunking"]
    assert isinstance(chunking, dict)
    for name, rule, change in (
        ("size-negative", "J-06", {"bytes_min": -1}),
        ("size-true", "J-06", {"bytes_min": True}),
        ("seed-upper-case", "J-10", {"seed": "AB"}),
        ("seed-spaced", "J-10", {"seed": "ab cd"}),
        ("seed-not-hexadecimal", "J-10", {"seed": "abc"}),
    ):
        text = config_text(chunking=chunking | change)
        yield damaged(f"config-{name}", "config", rule, text)


def _refused_values() -> Iterator[Vector]:
    upper = config_text(repository_id="AB" * 32)
    yield damaged("config-id-upper-case", "config", "J-07", upper)
    yield damaged("config-id-too-short", "config", "J-07", config_text(repository_id="11" * 31))
    for name, time in (
        ("without-zone", "2026-03-01T12:00:00"),
        ("with-offset", "2026-03-01T12:00:00+00:00"),
        ("date-only", "2026-03-01"),
        ("with-space", "2026-03-01 12:00:00Z"),
        ("of-a-week", "2026-W09-7T12:00:00Z"),
        ("milliseconds", "2026-03-01T12:00:00.250Z"),
        ("zero-microseconds", "2026-03-01T12:00:00.000000Z"),
        ("month-13", "2026-13-01T12:00:00Z"),
        ("year-10000", "10000-01-01T00:00:00Z"),
        ("year-0", "0000-01-01T00:00:00Z"),
        ("empty", ""),
    ):
        yield _snapshot("damaged", f"snapshot-time-{name}", "J-08", time=time)
    for name, path in (
        ("a-number", 1),
        ("base64-of-text", {"b64": "YWI="}),
        ("base64-unpadded", {"b64": "gA"}),
        ("base64-leftover-bits", {"b64": "/x=="}),
        ("base64-not-ascii", {"b64": "é"}),
        ("base64-with-more", {"b64": "gA==", "more": 1}),
        ("base64-missing", {}),
    ):
        yield _snapshot("damaged", f"snapshot-path-{name}", "J-09", paths=[path])


def _refused_snapshots() -> Iterator[Vector]:
    text = json_text(snapshot_fields())
    yield damaged("snapshot-id-of-another", "snapshot", "S-01", text, id="00" * 32)
    flipped = text.replace('"format": 1', '"format": 3')
    id_ = digest(text.encode()).hex()
    yield damaged("snapshot-format-flipped", "snapshot", "S-01", flipped, id=id_)
    yield _snapshot("newer", "snapshot-format-2", "V-01", format=2)
    yield _snapshot("newer", "snapshot-feature-unknown", "V-02", features_required=["sealed"])
    whole = text.encode()
    long = digest(whole + b" " * (1 << 24)).hex()
    yield Vector(
        "snapshot-too-long",
        "snapshot",
        ("J-02",),
        "damaged",
        (whole, (b" ", 1 << 24)),
        {"id": long},
    )
    yield _snapshot("damaged", "snapshot-level-9", "S-02", manifest_level=9)
    yield _snapshot("damaged", "snapshot-previous-missing", "S-03", previous=MISSING)
    yield _snapshot("damaged", "snapshot-previous-empty", "S-03", previous="")
    yield _snapshot("damaged", "snapshot-manifest-missing", "J-06", manifest=MISSING)
    yield _snapshot("damaged", "snapshot-tag-a-number", "J-06", tags=["a", 1])
    yield _snapshot("damaged", "snapshot-counts-a-list", "J-06", counts=[])
    counts = {"files": -1, "directories": 0, "symlinks": 0, "bytes": 0, "unreadable": 0}
    yield _snapshot("damaged", "snapshot-count-negative", "J-06", counts=counts)
