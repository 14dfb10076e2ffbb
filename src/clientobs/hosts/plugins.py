"""Which plug-ins the host has loaded: what its adapter says, and the session then tells.

A host answers that on its main thread alone and when its own start is done, so nobody asks here: the adapter calls
`plugins_are` from the host's own callback (a plug-in loaded, the application ready), as often as it likes. A session
looks twice, when it begins and a minute later, and puts the last word on `session.environment`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["plugins", "plugins_are"]

_MOST = 512
_MOST_READ = 10_000
_LONGEST = 128

_last: list[tuple[str, ...]] = [()]


def plugins_are(names: Iterable[str]) -> None:
    """Say which plug-ins are loaded now: "name version" where there is a version, else the name.

    >>> plugins_are(["mtoa 5.3.1", "bifrostGraph"])
    >>> plugins()
    ('bifrostGraph', 'mtoa 5.3.1')
    >>> plugins_are([])
    """
    with quiet("hosts.plugins"):
        found = {name[:_LONGEST] for name in islice(names, _MOST_READ) if type(name) is str and name}
        _last[0] = tuple(sorted(found)[:_MOST])


def plugins() -> tuple[str, ...]:
    """Return what was said last, in the order of names; nothing without an adapter."""
    return _last[0]
