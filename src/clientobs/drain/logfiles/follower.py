"""The thread that follows the log files of one entry of the configuration.

One thread each: a file on a NAS that hangs holds up its own entry and nothing else, delivery least of all.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Final

from clientobs._guarded import faults, quiet
from clientobs.drain.logfiles.cursor import Cursor
from clientobs.drain.logfiles.entries import Joiner
from clientobs.drain.logfiles.grammar import SEVERITIES
from clientobs.drain.logfiles.source import find

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.config.log_files import LogFilesConfig
    from clientobs.drain.logfiles.entries import Entry
    from clientobs.drain.logfiles.grammar import Grammar
    from clientobs.drain.logfiles.positions import Positions
    from clientobs.drain.logfiles.voice import Voice

__all__ = ["Follower"]

_EVERY: Final = 0.5
_LOOK_EVERY: Final = 5.0
_MOST_AT_ONCE: Final = 4 << 20
"""Bytes read of one file before the others have their turn."""
_MINUTE: Final = 60.0
_FLOOD: Final = "log_file_rate"
_ERROR: Final = 17


class _File:
    """One followed file: its cursor, its joiner, and what it may still say this minute."""

    def __init__(self, cursor: Cursor, joiner: Joiner, per_minute: int) -> None:
        self.cursor = cursor
        self.joiner = joiner
        self.per_minute = per_minute
        self._minute = 0.0
        self._said = {True: 0, False: 0}

    def may_say(self, severity: int, now: float) -> bool:
        """Say whether one more entry is within this minute's number; errors have a number of their own."""
        if now - self._minute >= _MINUTE:
            self._minute, self._said = now, {True: 0, False: 0}
        is_error = severity >= _ERROR
        self._said[is_error] += 1
        return self._said[is_error] <= self.per_minute


class Follower:
    """Follows the files that `patterns` match until `stop`. `caught_up` is set once a round has read all there was."""

    def __init__(
        self,
        settings: LogFilesConfig,
        patterns: Iterable[str],
        *,
        grammar: Grammar,
        voice: Voice,
        positions: Positions,
    ) -> None:
        self._settings = settings
        self._patterns = tuple(patterns)
        self._grammar = grammar
        self._voice = voice
        self._positions = positions
        self._ignored = tuple(re.compile(pattern) for pattern in settings.ignore)
        self._least = SEVERITIES[settings.level]
        self._files: dict[str, _File] = {}
        self._stop = threading.Event()
        self._looked = -_LOOK_EVERY
        self._first_look = True
        self._landed = 0
        self.caught_up = threading.Event()
        self._thread = threading.Thread(
            target=self._follow, name=f"clientobs-log-files-{settings.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to follow."""
        self._positions.begin(self._voice.run)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the round in hand be the last."""
        self._stop.set()

    def stop(self, patience: float) -> None:
        """End after the round in hand; wait at most `patience` seconds, since a mount may hang."""
        self.ask_to_stop()
        self._thread.join(patience)
        if not self._thread.is_alive():
            self._voice.close()

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                if self.round(time.monotonic()):
                    continue  # there is more to read
            except Exception as error:  # noqa: BLE001  # one bad round must not end the following
                faults.record("drain.logfiles", error)
            self._stop.wait(_EVERY)

    def round(self, now: float) -> bool:
        """Read on in each file; say whether something came. `now` in seconds of the monotonic clock."""
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self._look()
        landed_before, open_entries = self._landed, False
        for path, file in list(self._files.items()):
            with quiet("drain.logfiles.file"):
                self._read(path, file)
            open_entries |= file.joiner.pending is not None
        something = self._landed != landed_before
        self._positions.save()
        self._voice.tend()
        if not something and not open_entries:
            self.caught_up.set()
        return something

    def _look(self) -> None:
        paths = find(self._patterns, self._voice.loss.add)
        for path in paths:
            if path not in self._files:
                self._files[path] = self._meet(path)
        # A file that is not there any more may have been rotated: its cursor finds the rest of it when the
        # path is there again. One that is not among the newest is let go of, and its position stays.
        for path in self._files.keys() - set(paths):
            if len(self._files) > len(paths):
                del self._files[path]
        self._first_look = False

    def _meet(self, path: str) -> _File:
        mark = self._positions.of(path)
        # What is in a file before anybody followed it is history. A file that came up later is news.
        at_end = self._first_look and self._positions.saved_at is None and not self._settings.from_start
        cursor = Cursor(
            path,
            self._settings.encoding,
            mark=mark,
            at_end=at_end,
            lost=self._voice.loss.add,
            mono_ns=time.monotonic_ns,
        )
        return _File(cursor, Joiner(self._grammar.starts), self._settings.per_minute)

    def _read(self, path: str, file: _File) -> None:
        try:
            for line in file.cursor.read(_MOST_AT_ONCE):
                now = time.monotonic_ns()
                for entry in file.joiner.finish() if line is None else file.joiner.feed(line, now):
                    self._say(path, file, entry)
                if line is None:
                    self._voice.begin_file(file.cursor.mark())
        except OSError:
            pass  # between two names of a rotation, or not for us to read: looked at again in the next round
        for entry in file.joiner.quiet(time.monotonic_ns()):
            self._say(path, file, entry)
        self._positions.keep(file.cursor.mark(file.joiner.pending))

    def _say(self, path: str, file: _File, entry: Entry) -> None:
        self._landed += 1
        text = entry.text
        if not text.strip() or any(pattern.search(text) for pattern in self._ignored):
            return
        said = self._grammar.read(text, now=min(time.time(), file.cursor.modified or time.time()))
        if said.severity < self._least:
            return
        if file.may_say(said.severity, time.monotonic()):
            self._voice.say(path, entry, said)
        else:
            self._voice.loss.add(_FLOOD)
