"""Make sure that a drain runs: the one entry for hosts. Looks first, starts one where none is, never raises.

Call it from a background thread: it may take some milliseconds (beside a busy thread) and reads the folders
of the import path once. What it starts is described in docs/explanation/starting-the-drain.md.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from clientobs._dataclass import dataclass
from clientobs._guarded import faults
from clientobs._version import __version__
from clientobs.drain.handover import ask_to_leave, is_newer
from clientobs.drain.launch import interpreter, manifest, packages
from clientobs.drain.launch.settings import config_to_text
from clientobs.drain.launch.surroundings import Errand, command_of_drain, environment_of_drain
from clientobs.drain.launch.throttle import note_launch, read_launches
from clientobs.drain.lock import DrainLock, drain_folder, file_of, look
from clientobs.paths.mounts import MountTable

if TYPE_CHECKING:
    from clientobs.config.model import Config
    from clientobs.journal.home import Home

__all__ = [
    "AlreadyRunning",
    "Failed",
    "Launcher",
    "NoInterpreter",
    "NotNeeded",
    "Outcome",
    "Started",
    "Throttled",
    "ensure_drain",
    "load",
    "start_detached",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A drain was started: `pid` is 0 where the way of starting doesn't tell it."""

    pid: int
    python: str
    replaces: str = ""
    """The version of the older drain that was asked to leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRunning:
    """A drain holds the lock: `pid` 0 and `version` "" where it hasn't told yet."""

    pid: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoInterpreter:
    """Nothing was found that may run the drain; `refused` says why each candidate was not taken."""

    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """Not now: drains died soon after their start, or another process is starting one at this moment."""

    retry_in: float
    """Seconds."""
    launches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNeeded:
    """This configuration starts no drain."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The machine refused: `reason` is its words."""

    reason: str


Outcome: TypeAlias = Started | AlreadyRunning | NoInterpreter | Throttled | NotNeeded | Failed
Launcher: TypeAlias = Callable[[str, list[str], list[tuple[str, str]], str], int]
"""(program, arguments, environment, folder) -> pid, or 0."""

_HANDFUL_OF_SECONDS = 1.0


def load() -> None:
    """Import this system's way of starting a program, which is not loaded with this module."""
    if sys.platform == "win32":
        from clientobs.drain.launch import windows  # noqa: F401, PLC0415  # see `start_detached`
    else:
        from clientobs.drain.launch import linux, posix  # noqa: F401, PLC0415


def start_detached(path: str, argv: list[str], environ: list[tuple[str, str]], folder: str) -> int:
    """Start a program in the best way that this system has; raise OSError where it can't be started."""
    if sys.platform == "win32":
        from clientobs.drain.launch import windows  # noqa: PLC0415  # one of three, by the system

        return windows.launch(path, argv, environ, folder)
    from clientobs.drain.launch import linux, posix  # noqa: PLC0415

    if linux.available():
        return linux.launch(path, argv, environ, folder)
    posix.launch(path, argv, environ, folder)
    return 0


def ensure_drain(
    config: Config,
    home: Home,
    destination: str,
    environ: Mapping[str, str],
    *,
    is_network: Callable[[str], bool] | None = None,
    here: interpreter.Surroundings | None = None,
    now: Callable[[], float] = time.time,
    launcher: Launcher = start_detached,
) -> Outcome:
    """Start the drain of `destination` unless one runs; ask an older version to make room.

    `environ` is the host's environment (credentials are in it), `is_network` judges a path (None: by this
    machine's mount table), `here` describes this process. Never raises; what goes wrong is `Failed`, and
    counted.
    """
    if config.drain.mode != "process":
        return NotNeeded(reason=f"drain.mode is {config.drain.mode!r}")
    if not destination:
        return NotNeeded(reason="no endpoint is configured: records stay in the journal")
    try:
        drain_folder(home.path)
        here = here or interpreter.Surroundings.here(environ.get("PATH", ""))
        judge = is_network or MountTable.of_this_machine().is_network
        return _Starter(config, home.path, destination, environ, judge, here, now, launcher).ensure()
    except Exception as error:  # noqa: BLE001  # the wall: the host gets an answer, never an exception
        faults.record("drain.launch", error)
        return Failed(reason=f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class _Starter:
    config: Config
    home: str
    destination: str
    environ: Mapping[str, str]
    is_network: Callable[[str], bool]
    here: interpreter.Surroundings
    now: Callable[[], float]
    launcher: Launcher

    def ensure(self) -> Outcome:
        running = self._running()
        if running is not None:
            return running
        # One launcher at a time: twenty tasks that start together shall start one drain, not twenty.
        turn = DrainLock.acquire(file_of(self.home, self.destination, "launching"))
        if turn is None:
            return Throttled(retry_in=_HANDFUL_OF_SECONDS, launches=0)
        try:
            return self._running() or self._start()
        finally:
            turn.release()

    def _running(self) -> AlreadyRunning | None:
        """Return the drain that holds the lock, unless it is an older one that a host has started."""
        holder = look(file_of(self.home, self.destination, "lock"))
        if holder is None or (holder.steward == "host" and is_newer(__version__, holder.version)):
            return None
        return AlreadyRunning(pid=holder.pid, version=holder.version)

    def _start(self) -> Outcome:
        now = self.now()
        launches = read_launches(self.home, self.destination)
        wait = launches.wait(now)
        if wait > 0:
            return Throttled(retry_in=wait, launches=launches.count)
        found = interpreter.find_candidates(
            self.config.drain.python,
            self.here,
            is_network=self.is_network,
            first=interpreter.proven(self.home, __version__),
        )
        if not found.accepted:
            return NoInterpreter(refused=found.refused)
        # One that dies before it can hand on (it crashes, it hangs) is not the first to be tried next time.
        turn = launches.count % len(found.accepted)
        candidates = [*found.accepted[turn:], *found.accepted[:turn]]
        return self._launch(candidates, now)

    def _launch(self, candidates: list[str], now: float) -> Started:
        older = look(file_of(self.home, self.destination, "lock"))
        if older is not None:
            ask_to_leave(self.home, self.destination, __version__)
        folders, copy = self._import_path()
        errand = Errand(
            settings=config_to_text(self.config),
            import_path=json.dumps(folders),
            candidates=json.dumps(candidates[1:]),
            copy=copy,
        )
        script = os.path.join(folders[0], "clientobs", "drain", "launch", "start.py")
        argv = command_of_drain(
            candidates[0], script, ["--home", self.home, "--destination", self.destination]
        )
        environ = environment_of_drain(self.environ, errand)
        # Last of all: a host that dies on the way here must not keep the next one from starting a drain.
        note_launch(self.home, self.destination, now)
        pid = self.launcher(candidates[0], argv, environ, self.home)
        return Started(pid=pid, python=candidates[0], replaces=older.version if older else "")

    def _import_path(self) -> tuple[list[str], str | None]:
        """Return the folders to import from, and the version to copy first where they are on the network."""
        if not self.is_network(packages.own_folder()):
            return packages.find_folders(), None
        copy = manifest.copy_folder(self.home, __version__)
        if manifest.is_intact(copy):
            return [copy], None
        return packages.find_folders(), __version__
