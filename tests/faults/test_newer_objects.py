"""Single objects of a newer format beside those that can be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import dedupstore
from dedupstore.engine.keys import pack_key, snapshot_key
from dedupstore.format.block import decode_block_header
from dedupstore.format.canonical_json import decode_json, encode_json
from dedupstore.format.hashing import checksum, digest
from dedupstore.format.pack import TRAILER_BYTES, PackKind
from dedupstore.limits import SNAPSHOT_RECORD_BYTES_MAX


def _repository_with_a_log(folder: Path) -> Path:
    (folder / "app.log").write_text("one line\n" * 5000)
    location = folder / "repository"
    with dedupstore.init_repository(location) as repository:
        dedupstore.snapshot(repository, [folder / "app.log"])
    return location


def _add_newer_pack(location: Path) -> str:
    """Add a copy of a pack that claims version 9, rightly signed; return its key."""
    [pack] = (location / "packs" / "data").iterdir()
    data = bytearray(pack.read_bytes())
    data[4] = 9
    trailer = data[-TRAILER_BYTES:]
    table_offset = int.from_bytes(trailer[:8], "little")
    signed = trailer[:24] + trailer[40:]
    data[-24:-8] = checksum(data[:8], data[table_offset:-TRAILER_BYTES], signed)
    key = pack_key(PackKind.DATA, digest(data))
    (location / key).write_bytes(data)
    return key


def test_a_newer_pack_is_told_and_leaves_the_others_usable(tmp_path: Path) -> None:
    """A pack of a newer version becomes a finding, and what older packs hold restores."""
    location = _repository_with_a_log(tmp_path)
    key = _add_newer_pack(location)
    with dedupstore.open_repository(location) as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
        latest = dedupstore.find_snapshot(repository, "latest")
        restored = dedupstore.restore(repository, latest, tmp_path / "restored")
    assert [(finding.kind, finding.object) for finding in report.findings] == [
        ("pack-unsupported", key)
    ]
    assert restored.files == 1
    assert not restored.failed


def _make_first_block_newer(location: Path, pack: Path) -> str:
    """Let the first block of a pack claim version 9, rightly signed; return the pack's new key."""
    begin = 8
    data = bytearray(pack.read_bytes())
    end = begin + decode_block_header(bytes(data[begin:])).stored_bytes
    data[begin + 4] = 9
    data[begin + 24 : begin + 40] = checksum(data[begin : begin + 24], data[begin + 40 : end])
    pack.unlink()
    shutil.rmtree(location / "index")
    key = pack_key(PackKind.DATA, digest(data))
    (location / key).write_bytes(data)
    return key


def test_a_newer_block_is_told_and_leaves_the_others_usable(tmp_path: Path) -> None:
    """A block of a newer version is called that, not damaged, and only its files are left out."""
    location = _repository_with_a_log(tmp_path)
    [pack] = (location / "packs" / "data").iterdir()
    (tmp_path / "web.log").write_text("another line\n" * 5000)
    with dedupstore.open_repository(location) as repository:
        dedupstore.snapshot(repository, [tmp_path / "app.log", tmp_path / "web.log"])
    key = _make_first_block_newer(location, pack)
    with dedupstore.open_repository(location) as repository:
        report = dedupstore.check(repository, dedupstore.CheckOptions(data=True))
        latest = dedupstore.find_snapshot(repository, "latest")
        restored = dedupstore.restore(repository, latest, tmp_path / "restored")
    [finding] = [each for each in report.findings if each.severity is dedupstore.Severity.ERROR]
    assert (finding.kind, finding.object, finding.files_hit) == ("block-unsupported", key, 2)
    assert [(event.kind, event.path[-8:]) for event in restored.failed] == [
        ("unsupported", b"/app.log")
    ]
    assert restored.files == 1


def test_a_newer_snapshot_is_told_and_leaves_the_others_listed(tmp_path: Path) -> None:
    """A snapshot record of a newer format is no reason not to list and check the others."""
    location = _repository_with_a_log(tmp_path)
    [record] = (location / "snapshots").iterdir()
    value = decode_json(record.read_bytes(), SNAPSHOT_RECORD_BYTES_MAX, "a snapshot record")
    value["format"] = 2
    data = encode_json(value)
    (location / snapshot_key(digest(data))).write_bytes(data)
    with dedupstore.open_repository(location) as repository:
        listed = [snapshot.id.hex() for snapshot in dedupstore.list_snapshots(repository)]
        report = dedupstore.check(repository)
    assert listed == [record.name]
    assert [finding.kind for finding in report.findings] == ["snapshot-unsupported"]


def test_a_repair_leaves_newer_objects_alone(tmp_path: Path) -> None:
    """What a newer version has made is neither moved nor replaced, whatever else is damaged."""
    location = _repository_with_a_log(tmp_path)
    with dedupstore.open_repository(location) as repository:
        dedupstore.snapshot(repository, [tmp_path / "app.log"])
    [pack] = (location / "packs" / "data").iterdir()
    newer = _add_newer_pack(location), _make_first_block_newer(location, pack)
    before = {key: (location / key).read_bytes() for key in newer}
    with dedupstore.open_repository(location) as repository:
        report = dedupstore.repair(repository)
    assert {key: (location / key).read_bytes() for key in newer} == before
    assert report.quarantined == []
    assert {finding.kind for finding in report.remaining} >= {
        "pack-unsupported",
        "block-unsupported",
    }
