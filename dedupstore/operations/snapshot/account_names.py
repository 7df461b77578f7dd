"""Names of users and groups, looked up once each."""

from __future__ import annotations

import functools
import grp
import os
import pwd


class AccountNames:
    """Looks up account names; an unknown number has the empty name."""

    def __init__(self) -> None:
        self.user = functools.cache(_user_name)
        self.group = functools.cache(_group_name)


def _user_name(uid: int) -> bytes:
    try:
        return os.fsencode(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return b""


def _group_name(gid: int) -> bytes:
    try:
        return os.fsencode(grp.getgrgid(gid).gr_name)
    except (KeyError, OverflowError):
        return b""
