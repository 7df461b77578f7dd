"""Policies live in the repository: one for all sets, and one for each set that has its own."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dedupstore
from dedupstore.engine.policies import default_policy, readable_policies, zone_of
from dedupstore.errors import DamageError, UnsupportedFormat, UsageError
from dedupstore.format.hashing import digest
from dedupstore.format.policy import RetentionPolicy, StoredPolicy, encode_policy
from golden.format.layouts import policy_text

DAILY = RetentionPolicy(keep_daily=14)
WEB = RetentionPolicy(keep_last=3, keep_tags=("release",), timezone="Europe/Paris")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[dedupstore.Repository]:
    """Return an empty repository in the folder ``repository``."""
    with dedupstore.init_repository(tmp_path / "repository") as repository:
        yield repository


def policy_file(repository: dedupstore.Repository, set_name: str | None) -> Path:
    """Return where the policy of a set lies."""
    name = "default" if set_name is None else digest(set_name.encode()).hex()
    return Path(repository.location) / "policies" / name


def test_a_set_goes_by_its_own_policy_or_the_one_of_all(
    repository: dedupstore.Repository,
) -> None:
    """A set's own policy comes first, then the one of all others, then none."""
    assert dedupstore.policy_of_set(repository, "web") is None
    dedupstore.set_policy(repository, DAILY)
    assert dedupstore.policy_of_set(repository, "web") == StoredPolicy(None, DAILY)
    dedupstore.set_policy(repository, WEB, set_name="web")
    assert dedupstore.policy_of_set(repository, "web") == StoredPolicy("web", WEB)
    assert dedupstore.policy_of_set(repository, "db") == StoredPolicy(None, DAILY)
    assert dedupstore.remove_policy(repository)
    assert dedupstore.policy_of_set(repository, "db") is None
    assert dedupstore.policy_of_set(repository, "web") == StoredPolicy("web", WEB)
    assert dedupstore.remove_policy(repository, set_name="web")
    assert dedupstore.list_policies(repository) == []


def test_policies_are_listed_by_set(repository: dedupstore.Repository) -> None:
    """The policy of all others is listed first, then those of sets by name, and nothing else."""
    for name in ("web", "app", None, "default", "é/../x"):
        dedupstore.set_policy(repository, WEB, set_name=name)
    (policy_file(repository, None).with_name("README")).write_text("not a policy")
    (policy_file(repository, None).with_name("AB" * 32)).write_text("not a policy")
    listed = [stored.set_name for stored in dedupstore.list_policies(repository)]
    assert listed == [None, "app", "default", "web", "é/../x"]


def test_a_policy_is_replaced(repository: dedupstore.Repository) -> None:
    """A policy that is set again replaces the one before, of which no rule is left."""
    dedupstore.set_policy(repository, WEB, set_name="web")
    dedupstore.set_policy(repository, DAILY, set_name="web")
    assert dedupstore.list_policies(repository) == [StoredPolicy("web", DAILY)]


def test_to_remove_what_is_not_there_is_no_error(repository: dedupstore.Repository) -> None:
    """Where there is no policy, also in a repository that lost its folder, none is removed."""
    assert not dedupstore.remove_policy(repository)
    shutil.rmtree(policy_file(repository, None).parent, ignore_errors=True)
    assert not dedupstore.remove_policy(repository, set_name="web")
    assert dedupstore.list_policies(repository) == []
    dedupstore.set_policy(repository, DAILY)
    assert default_policy(repository) == StoredPolicy(None, DAILY)


@pytest.mark.parametrize("set_name", [None, "web"])
@pytest.mark.parametrize(
    "data", [b"", b"torn", policy_text(keep_daily=0, keep_monthly=0).encode()], ids=len
)
def test_a_damaged_policy_is_told_and_set_again(
    repository: dedupstore.Repository, set_name: str | None, data: bytes
) -> None:
    """A damaged policy is an error with a hint, never another policy, and can be set again."""
    dedupstore.set_policy(repository, DAILY)
    dedupstore.set_policy(repository, WEB, set_name=set_name)
    policy_file(repository, set_name).write_bytes(data)
    with pytest.raises(DamageError, match="policies/") as caught:
        dedupstore.policy_of_set(repository, "web")
    assert f"policy set {'--set web ' if set_name else ''}--keep" in str(caught.value.hint)
    with pytest.raises(DamageError) as caught:
        dedupstore.list_policies(repository)
    assert "set" in str(caught.value.hint)
    dedupstore.set_policy(repository, WEB, set_name=set_name)
    assert dedupstore.policy_of_set(repository, "web") == StoredPolicy(set_name, WEB)


def test_a_damaged_policy_can_be_removed(repository: dedupstore.Repository) -> None:
    """A damaged policy is removed like any other."""
    dedupstore.set_policy(repository, WEB, set_name="web")
    policy_file(repository, "web").write_bytes(b"torn")
    assert dedupstore.remove_policy(repository, set_name="web")
    assert dedupstore.policy_of_set(repository, "web") is None


@pytest.mark.parametrize(("place", "content"), [("web", "db"), ("web", None), (None, "web")])
def test_a_policy_in_the_place_of_another_is_damaged(
    repository: dedupstore.Repository, place: str | None, content: str | None
) -> None:
    """T-02: a policy under the key of another set, or of all others, is refused."""
    dedupstore.set_policy(repository, DAILY, set_name=place)
    policy_file(repository, place).write_bytes(encode_policy(StoredPolicy(content, DAILY)))
    with pytest.raises(DamageError, match="another set"):
        dedupstore.policy_of_set(repository, "web")
    with pytest.raises(DamageError, match="another set"):
        dedupstore.list_policies(repository)


def test_what_cannot_be_read_is_told_and_hides_nothing(
    repository: dedupstore.Repository,
) -> None:
    """Of readable policies all are returned; of each other one, the key and the error are told."""
    for name in (None, "web", "db", "app"):
        dedupstore.set_policy(repository, DAILY, set_name=name)
    policy_file(repository, "web").write_bytes(b"torn")
    policy_file(repository, None).write_text(policy_text(features_required=["keep-largest"]))
    told: dict[str, Exception] = {}
    found = readable_policies(repository, told.__setitem__)
    assert found == [StoredPolicy("app", DAILY), StoredPolicy("db", DAILY)]
    web = f"policies/{digest(b'web').hex()}"
    assert {key: type(error) for key, error in told.items()} == {
        "policies/default": UnsupportedFormat,
        web: DamageError,
    }
    assert web in str(told[web])


@pytest.mark.parametrize("set_name", ["we b", "it's", "$(reboot)"])
def test_a_hint_can_be_pasted_into_a_shell(
    repository: dedupstore.Repository, set_name: str
) -> None:
    """Whatever a set is called, the command in the hint names it as one word."""
    dedupstore.set_policy(repository, DAILY, set_name=set_name)
    policy_file(repository, set_name).write_bytes(b"torn")
    with pytest.raises(DamageError) as caught:
        dedupstore.policy_of_set(repository, set_name)
    words = shlex.split(str(caught.value.hint))
    assert words[words.index("--set") + 1] == set_name


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xce", "it is not UTF-8"),
        (b"torn", "it is not JSON, from line 1, column 1"),
        (b'{"a": "\\ud800"}', "it holds text that is not Unicode"),
        (b'{"a": ' + b"[" * 9000, "it is nested too deeply"),
        (b'{"a": 1.5}', "a number is not an integer"),
    ],
    ids=["bytes", "torn", "surrogate", "nested", "number"],
)
def test_what_is_wrong_is_said_in_plain_words(
    repository: dedupstore.Repository, data: bytes, reason: str
) -> None:
    """The error of a damaged policy tells what is wrong with it in words that need no Python."""
    dedupstore.set_policy(repository, DAILY)
    policy_file(repository, None).write_bytes(data)
    with pytest.raises(DamageError) as caught:
        default_policy(repository)
    assert caught.value.message.endswith(f"is not readable: {reason}")


@pytest.mark.parametrize("tag", ["", "a\nb", "\x1b[2J", "\ud800"])
def test_an_impossible_tag_prunes_nothing(repository: dedupstore.Repository, tag: str) -> None:
    """A policy given to prune may name only tags that a snapshot can have."""
    policy = RetentionPolicy(keep_last=1, keep_tags=("release", tag))
    with pytest.raises(UsageError, match="not a name"):
        dedupstore.prune(repository, dedupstore.PruneOptions(policy))


def test_a_newer_policy_is_newer(repository: dedupstore.Repository) -> None:
    """A policy with an unknown required feature is refused, and the hint is a newer version."""
    dedupstore.set_policy(repository, DAILY)
    policy_file(repository, None).write_text(policy_text(features_required=["keep-largest"]))
    with pytest.raises(UnsupportedFormat, match="policies/default") as caught:
        dedupstore.policy_of_set(repository, "web")
    assert "newer version" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("policy", "set_name"),
    [
        (RetentionPolicy(), None),
        (RetentionPolicy(timezone="Europe/Paris"), "web"),
        (DAILY, ""),
        (DAILY, "web\n"),
        (DAILY, "\udcff"),
        (RetentionPolicy(keep_tags=("\ud800",)), None),
        (RetentionPolicy(keep_tags=("",)), None),
        (RetentionPolicy(keep_last=1, timezone="Mars/Olympus"), None),
        (RetentionPolicy(keep_tags=tuple(f"{n:0200}" for n in range(400))), None),
    ],
    ids=range(9),
)
def test_what_could_not_be_applied_is_not_stored(
    repository: dedupstore.Repository, policy: RetentionPolicy, set_name: str | None
) -> None:
    """Empty policies, impossible names, unknown zones and endless lists are refused."""
    with pytest.raises(UsageError):
        dedupstore.set_policy(repository, policy, set_name=set_name)
    assert dedupstore.list_policies(repository) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"keep_last": -1},
        {"keep_yearly": 1 << 63},
        {"keep_within_seconds": 0},
        {"keep_within_seconds": 1 << 63},
        {"timezone": ""},
        {"timezone": "Z" * 101},
    ],
    ids=str,
)
def test_an_impossible_policy_cannot_be_made(fields: dict[str, Any]) -> None:
    """Numbers that are out of range, and zones without a possible name, are refused at once."""
    with pytest.raises(UsageError):
        RetentionPolicy(**fields)


def test_a_name_that_is_no_unicode_has_no_policy(repository: dedupstore.Repository) -> None:
    """Asked for a set whose name cannot be stored, the answer is the policy of all others."""
    dedupstore.set_policy(repository, DAILY)
    assert dedupstore.policy_of_set(repository, "\udcff") == StoredPolicy(None, DAILY)


def test_an_unknown_zone_has_a_hint() -> None:
    """A stored policy of a zone that this machine lacks is an error that names the way out."""
    with pytest.raises(UsageError, match="Mars/Olympus") as caught:
        zone_of(RetentionPolicy(keep_last=1, timezone="Mars/Olympus"))
    assert "tzdata" in str(caught.value.hint)
    assert str(zone_of(WEB)) == WEB.timezone
    assert str(zone_of(DAILY)) == "UTC"
