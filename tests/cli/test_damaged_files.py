"""What the command says of files that have lost some of their bytes, and what it leaves of them."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from cli.installed_command import Dedupstore
from dedupstore.format.block import HEADER_BYTES
from dedupstore.format.pack import PACK_HEADER_BYTES
from partial_files import with_holes

FIRST, SECOND, THIRD = (os.urandom(40_000) for _ in range(3))


@pytest.fixture
def log(dedupstore: Dedupstore) -> Path:
    """Return a log that was stored in three parts, of which the second is lost."""
    path = dedupstore.folder / "app.log"
    packs: list[set[str]] = []
    for part in (FIRST, SECOND, THIRD):
        with path.open("ab") as file:
            file.write(part)
        dedupstore.snapshot("app.log", "--reread")
        packs.append(set(os.listdir(dedupstore.repository / "packs" / "data")))
    (lost,) = packs[1] - packs[0]
    (dedupstore.folder / "other.log").write_text("sound\n")
    dedupstore.snapshot(dedupstore.folder, "--set", "all")
    (dedupstore.repository / "packs" / "data" / lost).unlink()
    return path


def test_restore_names_what_is_missing(dedupstore: Dedupstore, log: Path) -> None:
    """The ranges and the place of the rest are on stderr and in the JSON; the exit code is 4."""
    ended = dedupstore.run(
        "restore", "latest", "--set", "all", "--target", "out", "--json", expect=4
    )
    (failed,) = ended.json["failed"]
    assert failed["kind"] == "damaged"
    assert failed["path"] == str(log)
    (missing,) = failed["missing"]
    begin, end = missing["begin"], missing["end"]
    # Of the lost pack's part, what other packs do not have.
    assert begin < 80_000
    assert end > 40_000
    assert end - begin < 80_000
    assert failed["partial"] == f"{log}.partial".lstrip("/")
    assert f"bytes {begin}-{end - 1} of 120000 are missing" in ended.stderr
    assert "what is left is in app.log.partial" in ended.stderr
    folder = dedupstore.folder / "out" / log.parent.relative_to("/")
    assert sorted(os.listdir(folder)) == ["app.log.partial", "other.log"]
    partial = folder / "app.log.partial"
    assert partial.read_bytes() == with_holes(log.read_bytes(), ((begin, end),))
    assert partial.stat().st_mtime_ns == log.stat().st_mtime_ns
    assert ended.json["files"] == 1


def test_quiet_and_for_people_it_is_said_once(dedupstore: Dedupstore, log: Path) -> None:
    """With -q what is missing is still named, and without --json the failed file is counted."""
    quiet = dedupstore.run("-q", "restore", "latest", "--target", "out", expect=4)
    assert quiet.text == ""
    assert quiet.stderr.count("are missing") == 1
    again = dedupstore.run("restore", "latest", "--target", "out", expect=4)
    assert "app.log.partial exists and was left as it is" in again.stderr
    assert "failed" in again.text


def test_cat_ends_at_the_gap(dedupstore: Dedupstore, log: Path) -> None:
    """Cat writes what comes before, then fails with 4, the ranges in its one line of error."""
    ended = dedupstore.run("cat", "latest", log, expect=4)
    (error,) = ended.error_lines
    assert f"bytes {len(ended.stdout)}-" in error
    assert "of 120000 are missing" in error
    assert log.read_bytes().startswith(ended.stdout)
    assert len(ended.stdout) > 20_000


def test_where_nothing_can_be_read_repair_is_named(dedupstore: Dedupstore) -> None:
    """Of a file that is lost as a whole, cat and restore name the command that may mend it."""
    log = dedupstore.folder / "lost.log"
    log.write_bytes(FIRST)
    dedupstore.snapshot("lost.log")
    (pack,) = (dedupstore.repository / "packs" / "data").iterdir()
    pack.write_bytes(bytes(pack.stat().st_size))
    ended = dedupstore.run("cat", "latest", log, expect=4)
    assert ended.stdout == b""
    assert "hint: see what can be mended with: dedupstore repair --dry-run" in ended.stderr
    ended = dedupstore.run("restore", "latest", "--target", "out", expect=4)
    assert "nothing of it can be read; see what can be mended with: dedupstore" in ended.stderr
    assert not list((dedupstore.folder / "out").rglob("*.partial"))


def test_where_something_is_left_restore_is_named(dedupstore: Dedupstore, log: Path) -> None:
    """Of a file of which a part can be read, cat says how to get it."""
    ended = dedupstore.run("cat", "latest", log, expect=4)
    assert "hint: restore it: what is left goes to a file beside its name" in ended.stderr


def test_a_damaged_block_does_not_cost_its_sound_chunks(dedupstore: Dedupstore) -> None:
    """Of a block with a flipped bit in its directory, cat and restore read the file whole."""
    log = dedupstore.folder / "whole.log"
    log.write_bytes(FIRST)
    dedupstore.snapshot("whole.log")
    (pack,) = (dedupstore.repository / "packs" / "data").iterdir()
    damaged = bytearray(pack.read_bytes())
    damaged[PACK_HEADER_BYTES + HEADER_BYTES + 3] ^= 1
    pack.write_bytes(damaged)
    dedupstore.run("check", "--data", expect=4)
    assert dedupstore.run("cat", "latest", log).stdout == FIRST
    dedupstore.run("restore", "latest", "--target", "out")
    assert (dedupstore.folder / "out" / log.relative_to("/")).read_bytes() == FIRST


def test_a_tar_is_whole_without_the_file(dedupstore: Dedupstore, log: Path) -> None:
    """The tar can be read to its end; the damaged file is not in it, and the exit code is 4."""
    ended = dedupstore.run("restore", "latest", "--set", "all", "--tar", expect=4)
    with tarfile.open(fileobj=io.BytesIO(ended.stdout)) as tar:
        names = {Path(name).name for name in tar.getnames()}
    assert "other.log" in names
    assert "app.log" not in names
    assert "it is left out of the tar" in ended.stderr
    assert ended.error_lines == []
