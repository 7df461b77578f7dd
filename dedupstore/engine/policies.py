"""Retention policies that live in the repository (docs/format/repository.md)."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import tzinfo
from typing import TypeAlias

from dedupstore.clock import parse_zone
from dedupstore.engine.keys import POLICIES_PREFIX, stored_ids
from dedupstore.engine.labels import check_label
from dedupstore.engine.repository import Repository
from dedupstore.errors import DamageError, FormatError, ObjectMissing, UnsupportedFormat, UsageError
from dedupstore.format.hashing import digest
from dedupstore.format.policy import (
    RetentionPolicy,
    StoredPolicy,
    decode_policy,
    encode_policy,
)
from dedupstore.limits import POLICY_BYTES_MAX

OnDamage: TypeAlias = Callable[[str, DamageError | UnsupportedFormat], None]
"""Gets the key of a policy that cannot be read, and why it cannot."""

_DEFAULT_KEY = f"{POLICIES_PREFIX}/default"


def set_policy(
    repository: Repository, policy: RetentionPolicy, *, set_name: str | None = None
) -> None:
    """Store the policy of a set; without ``set_name``, of all sets that have none of their own.

    One that is there is replaced, at once and whole.

    Raises:
        UsageError: the policy is empty or too long, or names an unknown zone, set or tag.
        LockTimeout, NoSpace, StorageError: the repository is locked, or the store refused.
    """
    if policy.is_empty:
        raise UsageError("a policy without rules keeps nothing", hint="give at least one rule")
    for label in policy.keep_tags if set_name is None else (set_name, *policy.keep_tags):
        check_label(label)
    zone_of(policy)
    data = encode_policy(StoredPolicy(set_name, policy))
    if len(data) > POLICY_BYTES_MAX:
        raise UsageError(f"the policy would be {len(data)} bytes long", hint="give fewer tags")
    with repository.session():
        repository.store.put(_key(set_name), [data])


def remove_policy(repository: Repository, *, set_name: str | None = None) -> bool:
    """Remove the policy of a set, or the one for all others; tell whether there was one.

    One that is damaged is removed like any other.

    Raises:
        UsageError: the set has an impossible name.
        LockTimeout, StorageError: the repository is locked, or the store refused.
    """
    if set_name is not None:
        check_label(set_name)
    key = _key(set_name)
    with repository.session():
        try:
            repository.store.object_bytes(key)
            was_there = True
        except ObjectMissing:
            was_there = False
        # Also where it is not there: a removal that a crash cut short may yet be undone.
        repository.store.delete_all([key])
    return was_there


def policy_of_set(repository: Repository, set_name: str) -> StoredPolicy | None:
    """Return the policy that applies to a set: its own, else the one for all others, if any.

    Where its own cannot be read, that is an error: another one could remove what it keeps.

    Raises:
        DamageError, UnsupportedFormat: the policy is damaged or newer.
        StorageError: the store could not deliver.
    """
    try:
        return _load(repository, _key(set_name), set_name)
    except ObjectMissing:
        return default_policy(repository)


def default_policy(repository: Repository) -> StoredPolicy | None:
    """Return the policy of all sets that have none of their own, if there is one.

    Raises:
        DamageError, UnsupportedFormat: the policy is damaged or newer.
        StorageError: the store could not deliver.
    """
    try:
        return _load(repository, _DEFAULT_KEY, None)
    except ObjectMissing:
        return None


def list_policies(repository: Repository) -> list[StoredPolicy]:
    """Return all policies: the one for all other sets first, then by set.

    Raises:
        DamageError, UnsupportedFormat: one of them is damaged or newer.
        StorageError: the store could not deliver.
    """

    def refuse(_: str, error: DamageError | UnsupportedFormat) -> None:
        raise error

    return readable_policies(repository, refuse)


def readable_policies(repository: Repository, on_damage: OnDamage) -> list[StoredPolicy]:
    """Return all policies that can be read, in the order of ``list_policies``.

    ``on_damage`` is told of each of the others: damaged, or made by a newer version.

    Raises:
        StorageError: the store could not list or deliver.
    """
    keys = [
        f"{POLICIES_PREFIX}/{id_.hex()}" for id_, _ in stored_ids(repository.store, POLICIES_PREFIX)
    ]
    found = []
    for key in (_DEFAULT_KEY, *keys):
        try:
            found.append(_load(repository, key, None))
        except ObjectMissing:
            continue  # there is none for all others, or it was removed meanwhile
        except (DamageError, UnsupportedFormat) as error:
            on_damage(key, error)
    # The one of all others has no name.
    found.sort(key=lambda stored: stored.set_name or "")
    return found


def zone_of(policy: RetentionPolicy) -> tzinfo:
    """Return the time zone in which a policy divides days.

    Raises:
        UsageError: this machine does not know the zone.
    """
    try:
        return parse_zone(policy.timezone)
    except ValueError as error:
        raise UsageError(
            f"this machine does not know the time zone of the policy: {policy.timezone!r}",
            hint="install the time zone database (tzdata), or set the policy again with --timezone",
        ) from error


def _load(repository: Repository, key: str, set_name: str | None) -> StoredPolicy:
    """Read one policy; ``set_name`` is for the hint where the set cannot be read from it."""
    try:
        stored = decode_policy(repository.store.get(key, 0, POLICY_BYTES_MAX + 1))
    except UnsupportedFormat as error:
        raise UnsupportedFormat(f"{key}: {error.message}", hint=error.hint) from error
    except FormatError as error:
        raise _damage(key, error.message, set_name) from error
    if _key(stored.set_name) != key:
        raise _damage(key, "it is the policy of another set", set_name)
    return stored


def _damage(key: str, detail: str, set_name: str | None) -> DamageError:
    if key == _DEFAULT_KEY:
        hint = "set it again with: dedupstore policy set --keep-…"
    elif set_name is not None:
        hint = f"set it again with: dedupstore policy set --set {shlex.quote(set_name)} --keep-…"
    else:
        hint = "set the policies of all sets again with --set, or delete that file"
    return DamageError(f"{key}: {detail}", hint=hint)


def _key(set_name: str | None) -> str:
    if set_name is None:
        return _DEFAULT_KEY
    # A name that is no Unicode has no policy: it gets a key of its own, under which nothing lies.
    return f"{POLICIES_PREFIX}/{digest(set_name.encode('utf-8', 'surrogatepass')).hex()}"
