"""All followed log files of one drain: a follower for each entry of the configuration."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet
from clientobs.drain.lock import file_of
from clientobs.drain.logfiles.follower import Follower
from clientobs.drain.logfiles.grammar import Grammar
from clientobs.drain.logfiles.positions import Positions
from clientobs.drain.logfiles.source import expand
from clientobs.drain.logfiles.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.log_files import LogFilesConfig
    from clientobs.config.model import Config
    from clientobs.journal.home import Home

__all__ = ["LogFiles"]

_PATIENCE: Final = 2.0


class LogFiles:
    """Follows what the configuration names, from `start` to `stop`."""

    def __init__(
        self,
        config: Config,
        home: Home,
        destination: str,
        *,
        environ: Mapping[str, str],
        platform: str = sys.platform,
    ) -> None:
        self._config = config
        self._home = home
        self._destination = destination
        self._environ = environ
        self._platform = platform
        self._followers: list[Follower] = []

    def start(self) -> None:
        """Read where the last drain was, and begin."""
        positions = Positions(file_of(self._home.path, self._destination, "logfiles"), self._home.runs)
        for settings in self._config.log_files:
            with quiet("drain.logfiles.start"):
                self._followers.append(self._follower(settings, positions))
        for follower in self._followers:
            with quiet("drain.logfiles.start"):
                follower.start()

    def _follower(self, settings: LogFilesConfig, positions: Positions) -> Follower:
        found = (expand(pattern, self._environ) for pattern in settings.globs(self._platform))
        return Follower(
            settings,
            [pattern for pattern in found if pattern is not None],
            grammar=Grammar(
                pattern=settings.pattern or "", forms=settings.time, utc=settings.utc, errors=settings.errors
            ),
            voice=Voice(self._config, self._home, self._destination, settings.name),
            positions=positions,
        )

    def catch_up(self, timeout: float) -> None:
        """Wait until what is in the files has been recorded, at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        for follower in self._followers:
            follower.caught_up.wait(max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """End all followers; what a hung mount holds up is left to itself."""
        for follower in self._followers:
            follower.ask_to_stop()
        deadline = time.monotonic() + _PATIENCE
        for follower in self._followers:
            with quiet("drain.logfiles.stop"):
                follower.stop(max(0.0, deadline - time.monotonic()))
        self._followers.clear()
