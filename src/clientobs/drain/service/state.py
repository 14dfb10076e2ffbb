"""What the drain says of itself: `<home>/drain/<destination>.json`, read by `status` and `doctor`.

Written as a whole beside itself and put in place at once, so that a reader never sees half of it. It holds no
credential, no endpoint URL (its query may hold one), and no production name: answers of the endpoint are
shortened to one line. A file whose drain is gone stays, and tells how it went last; whether a drain lives is
said by its lock, not by this file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet
from clientobs.drain.accounts import replace_file

if TYPE_CHECKING:
    from clientobs.config.model import Signal
    from clientobs.drain.batch import Verdict

__all__ = [
    "DrainState",
    "SignalState",
    "read_state",
    "read_states",
    "state_path",
    "write_state",
]

SCHEMA: Final = 1
_SUFFIX: Final = ".json"
_MAX_BYTES: Final = 1 << 20


@dataclass(slots=True, kw_only=True)
class SignalState:
    """How one signal goes. Times are nanoseconds since the epoch, 0 for never.

    verdict     of the last batch: delivered, more, retry, or hold (a person is needed); "" before the first
    reason      what the endpoint said, where it was not plainly content
    sent_ns     when it last answered; retry_ns when it will be tried again
    delivered   records accepted, by this drain and those before it
    """

    verdict: Verdict | str = ""
    reason: str = ""
    sent_ns: int = 0
    retry_ns: int = 0
    failures: int = 0
    delivered: int = 0


@dataclass(slots=True, kw_only=True)
class DrainState:
    """One drain, for one destination.

    queue_bytes, queue_records   what has not arrived; oldest_seconds is the age of the oldest of it
    lost                         records by reason, of all runs and drains of this destination
    elsewhere                    runs that are not this drain's, by destination: {runs, alive, bytes}
    processes                    what the processes of runs have moved, by run: {read, written, disk_read,
                                 disk_written}, in bytes since they began
    """

    schema: int = SCHEMA
    pid: int = 0
    version: str = ""
    destination: str = ""
    started_ns: int = 0
    updated_ns: int = 0
    phase: str = "running"
    measuring: bool = False
    runs_alive: int = 0
    runs_dead: int = 0
    queue_records: int = 0
    queue_bytes: int = 0
    oldest_seconds: float = 0.0
    signals: dict[Signal, SignalState] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    elsewhere: dict[str, dict[str, Any]] = field(default_factory=dict)
    processes: dict[str, dict[str, int | None]] = field(default_factory=dict)


def state_path(home: str, destination: str) -> str:
    """Return where the drain of a destination writes its state."""
    return os.path.join(home, "drain", f"{destination or 'none'}{_SUFFIX}")


def write_state(path: str, state: DrainState) -> None:
    """Put the state in its place; a full disk leaves the old one, and the fault is counted."""
    with quiet("drain.state"):
        replace_file(path, json.dumps(asdict(state), indent=1).encode("ascii"))


def read_state(path: str) -> DrainState | None:
    """Return a drain's state, None where there is none or a newer version wrote it in another form."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(_MAX_BYTES))
        if found["schema"] != SCHEMA:
            return None
        known = {name: found[name] for name in DrainState.__dataclass_fields__ if name in found}
        known["signals"] = {name: SignalState(**signal) for name, signal in found["signals"].items()}
        return DrainState(**known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_states(home: str) -> list[DrainState]:
    """Return the states of all drains that ever worked for this home, by destination."""
    try:
        names = sorted(os.listdir(os.path.join(home, "drain")))
    except OSError:
        return []
    states = [read_state(os.path.join(home, "drain", name)) for name in names if name.endswith(_SUFFIX)]
    return [state for state in states if state is not None]
