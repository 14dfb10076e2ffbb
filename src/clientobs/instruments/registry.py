"""The instruments by name, and which of them are on.

To add one, write a class that keeps to `Instrument` in a module of its own, and add its line here. The module
loads when the instrument is switched on, never before.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Protocol

from clientobs._dataclass import dataclass
from clientobs._guarded import faults, quiet
from clientobs.config.model import Config, Profile
from clientobs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clientobs.paths.mounts import MountTable

__all__ = [
    "INSTRUMENTS",
    "PROFILES",
    "STANDARD",
    "Instrument",
    "Surroundings",
    "active",
    "after_fork_in_child",
    "instrument",
    "leaving",
    "settle",
    "tick",
    "uninstrument",
    "work_for",
]

INSTRUMENTS: Final = {
    "exceptions": "clientobs.instruments.exceptions.instrument:ExceptionsInstrument",
    "files": "clientobs.instruments.files.instrument:FilesInstrument",
    "http": "clientobs.instruments.http.instrument:HttpInstrument",
    "logs": "clientobs.instruments.logs.instrument:LogsInstrument",
    "processes": "clientobs.instruments.processes.instrument:ProcessesInstrument",
    "threads": "clientobs.instruments.threads.instrument:ThreadsInstrument",
}
STANDARD: Final = ("files", "http", "processes", "threads", "exceptions", "logs")
"""What the profile `standard` switches on."""
PROFILES: Final[Mapping[Profile, tuple[str, ...]]] = {"standard": STANDARD, "minimal": ("logs",)}
"""What each profile switches on. `minimal` patches nothing that does the host's work: records of `logging` can't be
seen without a wrapper or a change that the host would notice (docs/explanation/logs-and-exceptions.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an instrument may know of the runtime that it works for."""

    config: Config = field(default_factory=Config)
    home: str | None = None
    """The journal's folder: no instrument records our own work."""
    mounts: MountTable | None = None
    pseudonym: Callable[[str], str] | None = None
    """A keyed stand-in for a name, the same on one machine."""
    now: Callable[[], int] = time.time_ns
    """The run's date, nanoseconds since the epoch: what its spans are dated by."""
    count_loss: Callable[..., object] = str
    """Counts a record that was left out, by reason."""


class Instrument(Protocol):
    """What every instrument is."""

    @property
    def patched(self) -> tuple[str, ...]:
        """The functions of others that call us now."""

    @property
    def on(self) -> bool:
        """Whether anything is recorded; False while it has turned itself off."""

    def instrument(self) -> None:
        """Patch; a second call does nothing, but to one that has turned itself off."""

    def uninstrument(self) -> None:
        """Put back exactly what was there, whatever turned it off; a second call does nothing."""

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""

    def tick(self) -> None:
        """Do what is due now and then, on our own thread."""


_lock = threading.RLock()
_active: dict[str, Instrument] = {}
_surroundings = Surroundings()


def active() -> dict[str, Instrument]:
    """Return the instruments that are on, by name."""
    return dict(_active)


def work_for(surroundings: Surroundings) -> None:
    """Set what instruments that are switched on from now on know of the runtime."""
    global _surroundings  # noqa: PLW0603  # set by the runtime at its start and end
    _surroundings = surroundings


def instrument(*names: str) -> None:
    """Switch on instruments by name; without a name, those of the profile `standard`.

    One that is on stays as it is; one that has turned itself off begins anew. Raises ConfigError for a name that is
    not known. One that can't be switched on here leaves the host as it is; `clientobs doctor` says why.

    >>> instrument("files")
    >>> uninstrument("files")
    """
    for name in _checked(names or STANDARD):
        with _lock:
            standing = _active.get(name)
            if standing is not None:
                if standing.on:
                    continue
                uninstrument(name)
            try:
                made = _make(name)
                made.instrument()
                _active[name] = made
            except Exception as error:  # noqa: BLE001  # the wall: a host goes on without the instrument
                faults.record(f"instrument.{name}", error)


def uninstrument(*names: str) -> None:
    """Switch off instruments by name, all that are on without a name, and put back what they had patched.

    Raises ConfigError for a name that is not known.
    """
    for name in _checked(names or tuple(_active)):
        with _lock:
            made = _active.pop(name, None)
            if made is not None:
                try:
                    made.uninstrument()
                except Exception as error:  # noqa: BLE001  # the wall
                    faults.record(f"uninstrument.{name}", error)


def tick() -> None:
    """Let each instrument that is on do what is due; called by the runtime, off the host's threads."""
    for name, made in active().items():
        with quiet(f"instrument.{name}.tick"):
            made.tick()


def leaving() -> None:
    """Let each instrument that has something under way finish it: the process ends, or becomes another program."""
    for name, made in active().items():
        finish = getattr(made, "leaving", None)  # most have nothing
        if finish is not None:
            with quiet(f"instrument.{name}.leaving"):
                finish()


def settle() -> None:
    """Let each instrument that has something left to tell tell it: the session ends."""
    for name, made in active().items():
        with quiet(f"instrument.{name}.settle"):
            getattr(made, "settle", made.tick)()


def after_fork_in_child() -> None:
    """Let each instrument forget what belongs to the parent."""
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.RLock()
    for name, made in active().items():
        with quiet(f"instrument.{name}.fork"):
            made.after_fork_in_child()


def _checked(names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(names)
    for name in names:
        if name not in INSTRUMENTS:
            known = ", ".join(sorted(INSTRUMENTS))
            raise ConfigError(f"There is no instrument {name!r}; known: {known}")
    return names


def _make(name: str) -> Instrument:
    module, _, attribute = INSTRUMENTS[name].partition(":")
    factory: Any = getattr(importlib.import_module(module), attribute)
    made: Instrument = factory(_surroundings)
    return made
