"""How a machine went down, by the records that the system keeps of its starts: an orderly restart, or a loss of power.

An orderly one writes a record "shutdown" before the next start's "reboot" (`last -x` shows both); a loss of power, a
panic and a long press on the button write none. Linux: /var/log/wtmp, structs of utmp(5), 384 bytes each with the
glibc of x86-64; systems that have left it for wtmpdb (Debian 13) are told no more than that they went down. Windows
and macOS keep theirs elsewhere (Event Log 41, 1074 and 6008; `log show`): nothing is told of them either.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.drain.deaths.findings import MachineEnd

__all__ = ["Boot", "machine_end", "parse_wtmp", "read_boots"]

WTMP: Final = "/var/log/wtmp"
_UTMP: Final = struct.Struct("=h2xi32s4s32s256shhiii16s20s")
"""struct utmp of <bits/utmp.h>: type, pid, line, id, user, host, exit, session, seconds, microseconds, address."""
_BOOT_TIME: Final = 2
_RUN_LEVEL: Final = 1
_SHUTDOWN: Final = b"shutdown"
_MAX_BYTES: Final = 2 << 20
_SLACK: Final = 120.0
"""Seconds that the wall clock may be off before the time server is reached."""


class Boot(NamedTuple):
    """A record of the machine's going up (`up`) or, in good order, down."""

    seconds: float
    up: bool


def parse_wtmp(data: bytes) -> list[Boot]:
    """Return the starts and shutdowns in the bytes of a wtmp file, in its order; a torn record is left out."""
    found = []
    for offset in range(0, len(data) - _UTMP.size + 1, _UTMP.size):
        kind, _, _, _, user, _, _, _, _, seconds, micros, _, _ = _UTMP.unpack_from(data, offset)
        if kind == _BOOT_TIME:
            found.append(Boot(seconds + micros / 1e6, up=True))
        elif kind == _RUN_LEVEL and user.rstrip(b"\0") == _SHUTDOWN:
            found.append(Boot(seconds + micros / 1e6, up=False))
    return found


def read_boots(path: str = WTMP) -> list[Boot]:
    """Return what wtmp and its last rotation tell; [] where they are not to be read."""
    found: list[Boot] = []
    for name in (f"{path}.1", path):
        try:
            with open(name, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                skipped = max(0, size - _MAX_BYTES)
                file.seek(skipped - skipped % _UTMP.size)
                found += parse_wtmp(file.read(_MAX_BYTES + _UTMP.size))
        except OSError:
            continue
    return found


def machine_end(boots: Iterable[Boot], last_seconds: float) -> MachineEnd:
    """Tell how the machine went down after `last_seconds` of the wall clock, "" where the records don't say.

    >>> machine_end([Boot(100, True), Boot(500, False), Boot(530, True)], last_seconds=490)
    'rebooted'
    >>> machine_end([Boot(100, True), Boot(530, True)], last_seconds=490)
    'power_loss'
    >>> machine_end([Boot(100, True)], last_seconds=490)
    ''
    """
    in_order = False
    for boot in boots:
        if boot.seconds < last_seconds - (_SLACK if not boot.up else 0):
            continue
        if boot.up:
            return "rebooted" if in_order else "power_loss"
        in_order = True
    return ""
