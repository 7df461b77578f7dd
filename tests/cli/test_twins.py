"""What scripts see of gzip files that are stored as their text."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from cli.installed_command import Dedupstore
from sample_repository import log_lines
from twin_files import gzip_of

TEXT = log_lines(400, seed=1)


@pytest.fixture
def logs(dedupstore: Dedupstore) -> Path:
    """Return a folder of a log, its older part and a gzipped one; a snapshot of it is taken."""
    folder = dedupstore.folder / "logs"
    folder.mkdir()
    (folder / "app.log").write_bytes(TEXT[15_000:])
    (folder / "app.log.2").write_bytes(b"another\n")
    (folder / "app.log.2.gz").write_bytes(gzip_of(TEXT[:15_000]))
    assert dedupstore.snapshot(folder)["twins"] == 1
    return folder


def below(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


AS_TEXT = {
    "app.log": TEXT[15_000:],
    "app.log.2": b"another\n",
    "app.log.2.plain": TEXT[:15_000],
}


def test_a_snapshot_tells_how_many_twins_there_are(dedupstore: Dedupstore, logs: Path) -> None:
    """The lines for people say how many gzip files are stored as text, if any are."""
    assert "\ntwins  1 gzip file stored as text\n" in dedupstore.run("snapshot", logs).text
    assert "twins" not in dedupstore.run("snapshot", logs / "app.log").text


def test_ls_tells_twins_and_lineages(dedupstore: Dedupstore, logs: Path) -> None:
    """A line of JSON says whether a file is a twin, how long its text is, and of which log."""
    lines = dedupstore.run("ls", "latest", "--json").json_lines
    files = {os.path.basename(line["path"]): line for line in lines if line["type"] == "file"}
    twin, log = files["app.log.2.gz"], files["app.log"]
    assert (twin["twin"], twin["plain_bytes"]) == (True, 15_000)
    assert twin["size"] == len(gzip_of(TEXT[:15_000]))
    assert twin["lineage"] == str(logs / "app.log")
    assert (log["twin"], log["plain_bytes"], log["lineage"]) == (False, None, None)
    assert all("twin" not in line for line in lines if line["type"] != "file")
    text = dedupstore.run("ls", "latest").text
    assert [line for line in text.splitlines() if "twin of 15000 bytes" in line] == [
        line for line in text.splitlines() if "app.log.2.gz" in line
    ]


def test_cat_gives_the_file_or_the_text(dedupstore: Dedupstore, logs: Path) -> None:
    """Cat writes the file that was archived, and with --plain its text."""
    path = logs / "app.log.2.gz"
    assert dedupstore.run("cat", "latest", path).stdout == path.read_bytes()
    assert dedupstore.run("cat", "latest", path, "--plain").stdout == TEXT[:15_000]


def test_cat_of_what_was_half_written_is_3(dedupstore: Dedupstore) -> None:
    """A gzip file that ends too early comes as it is; of its text what there is, with exit 3."""
    path = dedupstore.folder / "half.gz"
    path.write_bytes(gzip_of(TEXT)[:2500])
    assert dedupstore.snapshot(path)["twins"] == 0
    assert dedupstore.run("cat", "latest", path).stdout == path.read_bytes()
    ended = dedupstore.run("cat", "latest", path, "--plain", expect=3)
    assert ended.stdout
    assert TEXT.startswith(ended.stdout)
    assert "half.gz does not unpack to its end" in ended.stderr


def test_restore_gives_the_files_or_the_texts(dedupstore: Dedupstore, logs: Path) -> None:
    """Restore gives back what was archived, and with --plain texts, in a folder or a tar."""
    whole = dedupstore.run("restore", "latest", "--target", "exact", "--json").json
    assert below(dedupstore.folder / "exact" / logs.relative_to("/")) == below(logs)
    assert whole["bytes"] == sum(map(len, below(logs).values()))
    plain = dedupstore.run("restore", "latest", "--target", "plain", "--plain", "--json").json
    assert below(dedupstore.folder / "plain" / logs.relative_to("/")) == AS_TEXT
    assert plain["bytes"] == sum(map(len, AS_TEXT.values()))
    stream = dedupstore.run("restore", "latest", "--tar", "--plain").stdout
    with tarfile.open(fileobj=io.BytesIO(stream)) as tar:
        found = {os.path.basename(member.name): tar.extractfile(member) for member in tar}
        assert {name: file.read() for name, file in found.items() if file} == AS_TEXT


def test_a_twin_that_has_lost_a_chunk_is_4(dedupstore: Dedupstore) -> None:
    """Without all of its text a twin is not restored; the rest of the text is, when asked for."""
    log, packed = dedupstore.folder / "app.log", dedupstore.folder / "app.log.1.gz"
    packs = dedupstore.repository / "packs" / "data"
    log.write_bytes(TEXT[:10_000])
    dedupstore.snapshot(log)
    before = set(packs.iterdir())
    log.write_bytes(TEXT[:20_000])
    dedupstore.snapshot(log)
    (lost,) = set(packs.iterdir()) - before
    log.unlink()
    packed.write_bytes(gzip_of(TEXT))
    assert dedupstore.snapshot(packed)["twins"] == 1
    lost.unlink()
    ended = dedupstore.run("restore", "latest", "--target", "out", "--json", expect=4)
    (failed,) = ended.json["failed"]
    size = packed.stat().st_size
    assert (failed["kind"], failed["path"]) == ("damaged", str(packed))
    assert failed["missing"] == [{"begin": 0, "end": size}]
    assert "--plain" in ended.stderr
    assert below(dedupstore.folder / "out" / packed.parent.relative_to("/")) == {}
    ended = dedupstore.run("restore", "latest", "--target", "out", "--plain", "--json", expect=4)
    ((missing,),) = (failed["missing"] for failed in ended.json["failed"])
    with_hole = bytearray(TEXT)
    with_hole[missing["begin"] : missing["end"]] = bytes(missing["end"] - missing["begin"])
    found = below(dedupstore.folder / "out" / packed.parent.relative_to("/"))
    assert found == {"app.log.1.partial": with_hole}
    assert "--plain" in dedupstore.run("cat", "latest", packed, expect=4).stderr


def test_check_rebuilds_twins_when_asked(dedupstore: Dedupstore, logs: Path) -> None:
    """With --twins, check says how many files it has rebuilt; without, it rebuilds none."""
    assert dedupstore.run("check", "--json").json["twins_rebuilt"] == 0
    assert dedupstore.run("check", "--twins", "--json").json["twins_rebuilt"] == 1
    assert "1 twin rebuilt" in dedupstore.run("check", "--twins", "-v").text
