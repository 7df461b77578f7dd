"""``check`` says when the data of packs was last verified."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cli.installed_command import Dedupstore
from dedupstore.format.verified import Verification, decode_verified, encode_verified


def make_old(dedupstore: Dedupstore, age: timedelta) -> None:
    """Let all that is remembered be from some time ago."""
    path = dedupstore.repository / "verified"
    seconds = int((datetime.now(UTC) - age).timestamp())
    rows = decode_verified(path.read_bytes())
    path.write_bytes(
        encode_verified({id_: Verification(row.run, seconds) for id_, row in rows.items()})
    )


def test_a_line_says_what_was_never_verified(dedupstore: Dedupstore) -> None:
    """People are told how many packs were never verified, and how old the rest is at most."""
    assert "verified" not in dedupstore.run("check").text
    (dedupstore.folder / "a.log").write_text("a\n")
    dedupstore.snapshot("a.log")
    assert (
        "data of 2 of 2 packs has never been verified; see --data" in dedupstore.run("check").text
    )
    part = dedupstore.run("check", "--data-subset", "1%").text
    assert "data of 1 of 2 packs has never been verified; the rest is at most 1 minute old" in part
    make_old(dedupstore, timedelta(days=8, hours=1))
    assert "the rest is at most 9 days old" in dedupstore.run("check").text
    whole = dedupstore.run("check", "--data").text
    assert "data of all 2 packs has been verified; that is at most 1 minute old" in whole
    make_old(dedupstore, timedelta(days=-400))
    assert "at most 1 minute old" in dedupstore.run("check").text


def test_json_says_what_was_verified(dedupstore: Dedupstore) -> None:
    """Scripts get this run's packs, those never verified, and the time of the oldest."""
    (dedupstore.folder / "a.log").write_text("a\n")
    dedupstore.snapshot("a.log")
    names = ("packs_verified", "packs_never_verified", "verified_oldest")
    plain = dedupstore.run("check", "--json").json
    assert [plain[name] for name in names] == [0, 2, None]
    whole = dedupstore.run("check", "--data", "--json").json
    assert [whole[name] for name in names[:2]] == [2, 0]
    after = dedupstore.run("check", "--json").json
    assert [after[name] for name in names] == [0, 0, whole["verified_oldest"]]
    age = datetime.now(UTC) - datetime.fromisoformat(whole["verified_oldest"])
    assert timedelta() <= age < timedelta(minutes=5)


def test_all_and_a_part_exclude_each_other(dedupstore: Dedupstore) -> None:
    """--data with --data-subset is refused with exit code 2 and a hint, in either order."""
    for arguments in (("--data", "--data-subset", "1%"), ("--data-subset", "1MB", "--data")):
        outcome = dedupstore.run("check", *arguments, expect=2)
        assert outcome.error_lines == ["error: --data and --data-subset exclude each other"]
        assert "\nhint: " in outcome.stderr


def test_a_damaged_memory_is_no_damage(dedupstore: Dedupstore) -> None:
    """A memory full of rubbish is a warning, with exit code 0."""
    (dedupstore.repository / "verified").write_bytes(b"rubbish")
    checked = dedupstore.run("check", "--json").json
    assert checked["ok"]
    assert [finding["kind"] for finding in checked["findings"]] == ["verified-damaged"]
