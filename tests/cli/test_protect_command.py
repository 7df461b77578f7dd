"""``init --parity`` and ``protect``: parity from the command line."""

from __future__ import annotations

import random

from cli.installed_command import Dedupstore


def test_protect_reports_what_it_made_and_removed(dedupstore: Dedupstore) -> None:
    """The JSON of protect counts packs and bytes, and doing it twice is fine."""
    (dedupstore.folder / "a.log").write_text("a line\n" * 5000)
    dedupstore.snapshot("a.log")
    packs = dedupstore.run("stats", "--json").json["packs"]
    made = dedupstore.run("protect", "--parity", "20", "--json").json
    assert (made["parity"], made["packs"], made["packs_damaged"]) == (20, packs, 0)
    assert made["bytes_added"] > 0
    again = dedupstore.run("protect", "--parity", "20", "--json").json
    assert (again["packs"], again["bytes_added"]) == (0, 0)
    removed = dedupstore.run("protect", "--remove", "--json").json
    assert (removed["packs"], removed["bytes_removed"]) == (packs, made["bytes_added"])


def test_a_damaged_pack_is_named_and_exits_with_4(dedupstore: Dedupstore) -> None:
    """A pack that is damaged already gets no parity, and the exit code says so."""
    (dedupstore.folder / "a.log").write_text("a line\n" * 5000)
    dedupstore.snapshot("a.log")
    pack = next((dedupstore.repository / "packs" / "data").iterdir())
    pack.write_bytes(pack.read_bytes()[:-1])
    outcome = dedupstore.run("protect", expect=4)
    assert f"packs/data/{pack.name}" in outcome.stderr


def test_init_with_parity_gives_it_to_all_packs(dedupstore: Dedupstore) -> None:
    """A repository made with parity has it beside every pack, without another command."""
    assert (
        dedupstore.run("init", "--repo", "other", "--parity", "10", "--json").json["parity"] == 10
    )
    (dedupstore.folder / "a.log").write_text("a line\n" * 5000)
    dedupstore.run("snapshot", "--repo", "other", "a.log")
    other = dedupstore.folder / "other"
    for kind in ("data", "manifest"):
        packs = {path.name for path in (other / "packs" / kind).iterdir()}
        assert packs == {path.name for path in (other / "parity" / kind).iterdir()} != set()


def test_impossible_percentages_are_wrong_usage(dedupstore: Dedupstore) -> None:
    """A percentage outside of 1 to 100, or one to be removed, exits with 2."""
    for arguments in (
        ("protect", "--parity", "0"),
        ("protect", "--parity", "101"),
        ("protect", "--parity", "10", "--remove"),
        ("init", "--repo", "other", "--parity", "0"),
    ):
        assert dedupstore.run(*arguments, expect=2).error_lines


def test_a_bare_protect_lowers_nothing(dedupstore: Dedupstore) -> None:
    """Without a percentage, packs keep the parity they have; only those without get some."""
    dedupstore.run("init", "--repo", "other", "--parity", "10")
    log = dedupstore.folder / "a.log"
    log.write_bytes(random.Random(1).randbytes(300_000))
    dedupstore.run("snapshot", "--repo", "other", "a.log")
    raised = dedupstore.run("protect", "--repo", "other", "--parity", "40", "--json").json
    assert raised["packs"] > 0
    folder = dedupstore.folder / "other" / "parity" / "data"
    [parity] = folder.iterdir()
    sound = parity.read_bytes()
    bare = dedupstore.run("protect", "--repo", "other", "--json").json
    assert (bare["parity"], bare["packs"]) == (10, 0)
    assert parity.read_bytes() == sound
    parity.unlink()
    assert dedupstore.run("protect", "--repo", "other", "--json").json["packs"] == 1
    assert 0 < parity.stat().st_size < len(sound)
