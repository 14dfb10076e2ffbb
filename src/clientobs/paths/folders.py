"""Where the journal may live, in which order, and why a place was refused.

Judged by the mount table before anything is touched: an NFS home is normal in studios, and costs nothing but
the first candidate. Where no disk takes the journal (read-only, full, another's), memory does: the last resort,
which survives the death of a process and no reboot.
"""

from __future__ import annotations

import ntpath
import posixpath
import sys
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from clientobs._dataclass import dataclass
from clientobs.errors import ClientobsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["HomeChoice", "Refusal", "choose_home", "home_candidates"]

H = TypeVar("H")

_NAME: Final = "clientobs"


class Refusal(NamedTuple):
    """A place that can't be used."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class HomeChoice(Generic[H]):
    """The outcome: the first place that could be prepared, or None, and those refused before it."""

    home: H | None
    refused: tuple[Refusal, ...]


def home_candidates(
    environ: Mapping[str, str],
    platform: str = sys.platform,
    uid: int | str | None = None,
    configured: str | None = None,
) -> list[str]:
    """Return the places for the journal, best first: what is configured, then those of the platform.

    `uid` keeps users apart in folders that all share. The user database is not asked for a missing HOME: it
    may lie on the network.

    >>> home_candidates({"HOME": "/home/kim"}, "linux", 1000)
    ['/home/kim/.local/state/clientobs', '/var/tmp/clientobs-1000', '/tmp/clientobs-1000', '/dev/shm/clientobs-1000']
    """
    places = [
        configured,
        *_of_user(environ, platform),
        *_of_machine(environ, platform, uid),
        *_in_memory(platform, uid),
    ]
    return list(dict.fromkeys(place for place in places if place))


def choose_home(
    candidates: Iterable[str], is_network: Callable[[str], bool], prepare: Callable[[str], H]
) -> HomeChoice[H]:
    """Return the first candidate on local storage that `prepare` accepts; one on a network isn't touched.

    `prepare` makes the folder and raises OSError or a ClientobsError where it can't be used.
    """
    refused: list[Refusal] = []
    for path in candidates:
        if is_network(path):
            refused.append(Refusal(path, "on network storage"))
            continue
        try:
            return HomeChoice(prepare(path), tuple(refused))
        except (OSError, ClientobsError) as error:
            refused.append(Refusal(path, _reason(error)))
    return HomeChoice(None, tuple(refused))


def _reason(error: Exception) -> str:
    """Return the system's own word where there is one: the place and the remedy stand beside it."""
    return getattr(error.__cause__, "strerror", None) or getattr(error, "strerror", None) or str(error)


def _of_user(environ: Mapping[str, str], platform: str) -> list[str]:
    if platform == "win32":
        local = environ.get("LOCALAPPDATA") or _below(environ.get("USERPROFILE"), "AppData", "Local")
        return [ntpath.join(local, _NAME)] if local and ntpath.isabs(local) else []
    home = environ.get("HOME", "")
    home = home if posixpath.isabs(home) else ""
    if platform == "darwin":
        # not Caches, which the system purges
        return [posixpath.join(home, "Library", "Application Support", _NAME)] if home else []
    state = environ.get("XDG_STATE_HOME", "")
    if not posixpath.isabs(state):
        # the XDG specification: a relative one is to be ignored
        state = posixpath.join(home, ".local", "state") if home else ""
    return [posixpath.join(state, _NAME)] if state else []


def _of_machine(environ: Mapping[str, str], platform: str, uid: int | str | None) -> list[str]:
    owner = _owned(uid)
    if platform == "win32":
        temporary = environ.get("TEMP") or environ.get("TMP") or ""
        return [ntpath.join(temporary, owner)] if ntpath.isabs(temporary) else []
    temporary = environ.get("TMPDIR", "")
    if not posixpath.isabs(temporary):
        temporary = "/tmp"  # noqa: S108  # `prepare` refuses foreign owners and symlinks
    return [posixpath.join("/var/tmp", owner), posixpath.join(temporary, owner)]  # noqa: S108


def _in_memory(platform: str, uid: int | str | None) -> list[str]:
    # Where POSIX shared memory lies on every Linux, in containers without a writable disk too. Not the folder of
    # XDG_RUNTIME_DIR: it goes when the user logs out. The other systems have no such place.
    return [f"/dev/shm/{_owned(uid)}"] if platform == "linux" else []  # noqa: S108  # see `prepare`


def _owned(uid: int | str | None) -> str:
    return _NAME if uid is None else f"{_NAME}-{uid}"


def _below(folder: str | None, *names: str) -> str:
    return ntpath.join(folder, *names) if folder else ""
