"""Stand-ins for persons: the same for the same person on one machine, and nobody's name.

A keyed hash with the secret of the journal's home: counting how many people a failure meets needs no names,
and without the secret nobody can try the studio's staff list against the hash. Another machine has another secret,
and so another pseudonym for the same person.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs._hashes import blake2b
from clientobs._own_file import read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.config.model import UserPolicy

from clientobs._patterns import pattern

__all__ = ["content_id", "installation_id", "is_pseudonym", "maker", "pseudonym", "user_attributes"]

_PSEUDONYM: Final = pattern(r"u-[0-9a-f]{16}\Z")
_PERSON: Final = b"clientobs.user"
_KEY_BYTES: Final = 64
"""BLAKE2b takes a key of at most 64 bytes."""
_ACCOUNTS: Final = "/etc/passwd"
_MOST_OF_ACCOUNTS: Final = 1 << 20
_LOGIN_VARIABLES: Final = ("LOGNAME", "USER", "LNAME", "USERNAME")


def pseudonym(name: str, secret: bytes) -> str:
    r"""Return the stand-in for a login name; domain and case of letters make no difference.

    >>> pseudonym("STUDIO\\Anna", b"k" * 32) == pseudonym("anna@studio.example", b"k" * 32)
    True
    """
    login = name.strip().rpartition("\\")[2].partition("@")[0].casefold()
    digest = blake2b(
        login.encode("utf-8", "surrogatepass"), digest_size=8, key=secret[:_KEY_BYTES], person=_PERSON
    )
    return f"u-{digest.hexdigest()}"


def is_pseudonym(text: str) -> bool:
    """Say whether a text is already such a stand-in."""
    return _PSEUDONYM.match(text) is not None


def maker(secret: bytes) -> Callable[[str], str]:
    """Return `pseudonym` with its secret filled in, as the redactor takes it."""
    return lambda name: pseudonym(name, secret)


def user_attributes(
    policy: UserPolicy, secret: bytes, environ: Mapping[str, str], accounts: str = _ACCOUNTS
) -> dict[str, str]:
    """Return what is recorded of the person at the machine: nothing, a pseudonym, or the name as well.

    The login name comes from the environment, as getpass.getuser does first. A service and a farm's worker often
    have none there: then it is what the local file of `accounts` says, or the number. The system's own way to ask may
    mean asking a directory server.
    """
    login = next((environ[name] for name in _LOGIN_VARIABLES if environ.get(name)), "")
    if not login and policy != "none":
        login = _login_by_number(accounts)
    if policy == "none" or not login:
        return {}
    attributes = {semconv.USER_ID: pseudonym(login, secret)}
    if policy == "name":
        attributes[semconv.USER_NAME] = login
    return attributes


def _login_by_number(accounts: str) -> str:
    if not hasattr(os, "getuid"):
        return ""
    number = b"%d" % os.getuid()
    try:
        lines = read_file(accounts, _MOST_OF_ACCOUNTS).splitlines()
    except OSError:
        lines = []
    entries = (line.split(b":", 3) for line in lines)
    found = next((entry[0] for entry in entries if len(entry) > 2 and entry[2] == number), b"")  # noqa: PLR2004  # name:x:number
    return os.fsdecode(found or b"uid " + number)


def installation_id(secret: bytes) -> str:
    """Return the id of one machine's journal home: as random as the home's secret, and never the secret."""
    return blake2b(b"", digest_size=16, key=secret[:_KEY_BYTES], person=b"clientobs.inst").hexdigest()


def content_id(content: Mapping[str, str]) -> str:
    """Return 32 hex digits that stand for a mapping's content, in whatever order it comes.

    No key: the same environment on two machines has the same id, which is what one wants to see.
    """
    lines = sorted(f"{key}={value}" for key, value in content.items())
    return blake2b("\0".join(lines).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
