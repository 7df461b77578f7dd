"""One log through time, on the command line: its parts with log, its text with cat --lineage."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from cli.installed_command import Dedupstore
from dedupstore.format.snapshot_record import decode_snapshot_record, encode_snapshot_record

DAYS = {name: f"2026-03-0{day} up\n" * 50 for day, name in enumerate(("two", "one", "now"), 1)}


@pytest.fixture
def log(dedupstore: Dedupstore) -> Path:
    """Return a log with two older parts, of which a snapshot was taken."""
    log = dedupstore.folder / "logs" / "app.log"
    log.parent.mkdir()
    log.with_name("app.log.2.gz").write_bytes(gzip.compress(DAYS["two"].encode()))
    log.with_name("app.log.1").write_text(DAYS["one"])
    log.write_text(DAYS["now"])
    dedupstore.snapshot(log.parent)
    return log


def test_the_parts_are_listed(dedupstore: Dedupstore, log: Path) -> None:
    """All parts are listed, oldest first, whichever of them is named."""
    for name in ("app.log", "app.log.1", "app.log.2.gz"):
        found = dedupstore.run("log", "latest", log.with_name(name), "--json").json
        assert found["path"] == os.fspath(log)
        parts = found["parts"]
        names = [os.path.basename(part["path"]) for part in parts]
        assert names == ["app.log.2.gz", "app.log.1", "app.log"]
        for part in parts:
            assert part["size"] == os.stat(part["path"]).st_size
            assert part["mtime"].endswith("Z")
            if part["twin"]:
                assert part["plain_bytes"] == len(DAYS["two"])
    lines = dedupstore.run("log", "latest", log).text.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [part["path"] for part in parts]


def test_the_whole_text_is_written(dedupstore: Dedupstore, log: Path) -> None:
    """cat --lineage writes the days in their order, and nothing else."""
    outcome = dedupstore.run("cat", "latest", "--lineage", log)
    assert outcome.text == "".join(DAYS.values())
    assert outcome.stderr == ""


def test_what_the_host_removed_is_found(dedupstore: Dedupstore, log: Path) -> None:
    """With --expired, a part that only an earlier snapshot holds is listed and written, too."""
    first = dedupstore.run("list", "--json").json[0]["snapshot"]
    log.with_name("app.log.2.gz").unlink()
    latest = dedupstore.snapshot(log.parent)["snapshot"]
    assert dedupstore.run("cat", "latest", "--lineage", log).text == DAYS["one"] + DAYS["now"]
    whole = dedupstore.run("cat", "latest", "--lineage", "--expired", log).text
    assert whole == "".join(DAYS.values())
    parts = dedupstore.run("log", "latest", log, "--expired", "--json").json["parts"]
    assert [part["snapshot"] for part in parts] == [first, latest, latest]
    outcome = dedupstore.run("cat", "latest", "--expired", log, expect=2)
    assert "give it with --lineage" in outcome.stderr


def test_a_damaged_earlier_snapshot_hides_only_itself(dedupstore: Dedupstore, log: Path) -> None:
    """Where an earlier snapshot cannot be read, the others are, it is named, and the code is 4."""
    first, latest = _with_lost_manifest(dedupstore), dedupstore.snapshot(log.parent)["snapshot"]
    found = dedupstore.run("log", "-q", "latest", log, "--expired", "--json", expect=4)
    assert [part["snapshot"] for part in found.json["parts"]] == [latest] * 3
    (told,) = found.json["damaged"]
    assert told["detail"].startswith(f"snapshot {first[:12]}: ")
    assert found.stderr == f"damaged: {told['detail']}\n"
    written = dedupstore.run("cat", "-q", "latest", "--lineage", "--expired", log, expect=4)
    assert written.text == "".join(DAYS.values())
    assert written.stderr == found.stderr


def _with_lost_manifest(dedupstore: Dedupstore) -> str:
    """Make the only snapshot one whose manifest is not there; return its id."""
    (stored,) = (dedupstore.repository / "snapshots").iterdir()
    record = decode_snapshot_record(bytes.fromhex(stored.name), stored.read_bytes())
    id_, lost = encode_snapshot_record(record._replace(manifest=bytes(range(32))))
    stored.with_name(id_.hex()).write_bytes(lost)
    stored.unlink()
    return id_.hex()


def test_a_half_written_part_is_told_by_the_exit_code(dedupstore: Dedupstore, log: Path) -> None:
    """Where a part is cut off, the rest is written, and the part is named, even with -q."""
    packed = log.with_name("app.log.2.gz")
    packed.write_bytes(packed.read_bytes()[:-10])
    dedupstore.snapshot(log.parent)
    outcome = dedupstore.run("cat", "-q", "latest", "--lineage", log, expect=3)
    assert outcome.text.endswith(DAYS["one"] + DAYS["now"])
    assert outcome.stderr.startswith(f"incomplete: {packed}: ")


def test_a_log_that_is_not_there(dedupstore: Dedupstore, log: Path) -> None:
    """A path that nothing belongs to is refused by log and by cat --lineage."""
    for arguments in (("log", "latest"), ("cat", "latest", "--lineage")):
        outcome = dedupstore.run(*arguments, "/none.log", expect=1)
        assert "holds no file /none.log" in outcome.stderr


def test_names_are_safe_to_print(dedupstore: Dedupstore) -> None:
    """A name that would act on a terminal is listed with escapes."""
    folder = dedupstore.folder / "logs"
    folder.mkdir()
    (folder / "a\x1b[2J.log.1").write_text("x\n")
    (folder / "a\x1b[2J.log").write_text("y\n")
    dedupstore.snapshot(folder)
    outcome = dedupstore.run("log", "latest", folder / "a\x1b[2J.log")
    assert outcome.text.count("\\x1b[2J") == 2
    assert "\x1b" not in outcome.text


def test_a_damaged_part_is_written_up_to_the_damage(dedupstore: Dedupstore) -> None:
    """Of a part that has lost bytes the beginning is written, the others follow, and 4 says it."""
    log = dedupstore.folder / "app.log"
    data = dedupstore.repository / "packs" / "data"
    older = [f"2026-03-0{day}T00:00:00Z {os.urandom(20_000).hex()}\n" for day in (1, 2)]
    log.write_text(older[0])
    dedupstore.snapshot(log)
    known = set(os.listdir(data))
    with log.open("a") as file:
        file.write(older[1])
    dedupstore.snapshot(log)
    (lost,) = set(os.listdir(data)) - known
    os.rename(log, log.with_name("app.log.1"))
    log.write_text("2026-03-03T00:00:00Z now\n")
    dedupstore.snapshot(log.parent, "--exclude", "repository")
    (data / lost).unlink()
    outcome = dedupstore.run("cat", "latest", "--lineage", log, expect=4)
    beginning = outcome.text.removesuffix("2026-03-03T00:00:00Z now\n")
    assert "".join(older).startswith(beginning)
    assert 20_000 < len(beginning) < 60_000
    assert f"\ndamaged: {log}.1: " in outcome.stderr
    trim = ("--at", "2026-03-01T00:00:00Z", "--trim", "--snapshot", "latest")
    cut = dedupstore.run("restore", *trim, "--target", "out", "--json", expect=4)
    told = {event["kind"]: event["path"] for event in cut.json["events"] + cut.json["failed"]}
    assert told == {"not-trimmed": f"{log}.1", "damaged": f"{log}.1"}
