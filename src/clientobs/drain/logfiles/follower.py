"""The thread that follows the log files of one entry of the configuration.

One thread each: a file on a NAS that hangs holds up its own entry and nothing else, delivery least of all.
"""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING, Final

from clientobs._guarded import faults, quiet
from clientobs._levels import ERROR, SEVERITIES
from clientobs.drain.logfiles.boundaries import Boundaries
from clientobs.drain.logfiles.cursor import Cursor
from clientobs.drain.logfiles.entries import Joiner
from clientobs.drain.logfiles.source import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clientobs.config.log_files import LogFilesConfig
    from clientobs.drain.logfiles.cursor import Mark
    from clientobs.drain.logfiles.entries import Entry
    from clientobs.drain.logfiles.grammar import Grammar
    from clientobs.drain.logfiles.lines import Line
    from clientobs.drain.logfiles.positions import Positions
    from clientobs.drain.logfiles.rotation import Identity
    from clientobs.drain.logfiles.voice import Voice

__all__ = ["Follower"]

_EVERY: Final = 0.5
_BREATH: Final = 0.02
"""Between two rounds while there is much to read: delivery is in the same process."""
_LOOK_EVERY: Final = 5.0
_LOOK_SHARE: Final = 20
"""A look at a slow or large folder is followed by this many times its duration without one."""
_MOST_AT_ONCE: Final = 4 << 20
"""Bytes read of one file before the others have their turn."""
_MINUTE: Final = 60.0
_FLOOD: Final = "log_file_rate"
_ODD_TIME: Final = "log_file_time"
_MANY: Final = "log_files_many"


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
        is_error = severity >= ERROR
        self._said[is_error] += 1
        return self._said[is_error] <= self.per_minute


class _Kin:
    """The files of one follower, to each other; see `rotation.Kin`."""

    def __init__(self, files: Mapping[str, _File], positions: Positions) -> None:
        self._files = files
        self._positions = positions

    def is_followed(self, identity: Identity, asking: Cursor | None) -> bool:
        """Say whether another one reads that file, under whatever name."""
        cursors = [file.cursor for file in self._files.values()]
        return any(each.identity == identity for each in cursors if each is not asking)

    def mark_of(self, identity: Identity) -> Mark | None:
        """Return how far that file was read."""
        return self._positions.of_file(*identity)

    def keep(self, mark: Mark) -> None:
        """Remember how far a file was read."""
        self._positions.keep(mark)


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
        self._kin = _Kin(self._files, positions)
        self._stop = threading.Event()
        self._next_look = 0.0
        self._first_look = True
        self._beyond = 0
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
                there_is_more = self.round(time.monotonic())
            except Exception as error:  # noqa: BLE001  # one bad round must not end the following
                faults.record("drain.logfiles", error)
                there_is_more = False
            self._stop.wait(_BREATH if there_is_more else _EVERY)

    def round(self, now: float) -> bool:
        """Read on in each file; say whether something came. `now` in seconds of the monotonic clock."""
        if now >= self._next_look:
            began = time.monotonic()
            self._look()
            self._next_look = now + max(_LOOK_EVERY, _LOOK_SHARE * (time.monotonic() - began))
        landed_before, is_behind, open_entries = self._landed, False, False
        files = list(self._files.items())
        for path, file in files:
            with quiet("drain.logfiles.file"):
                self._take(path, file, file.cursor.finish_rotated())
        for path, file in files:
            with quiet("drain.logfiles.file"):
                self._read(path, file)
            is_behind |= file.cursor.is_behind
            open_entries |= file.joiner.pending is not None
        something = is_behind or self._landed != landed_before
        self._positions.save()
        self._voice.tend()
        if not something and not open_entries:
            self.caught_up.set()
        return something

    def _look(self) -> None:
        paths, beyond = find(self._patterns)
        if beyond > self._beyond:
            self._voice.loss.add(_MANY, beyond - self._beyond)
            self._beyond = beyond
        new = [path for path in paths if path not in self._files]
        # Those that were followed before come first: one of them may have the file that has a new name now.
        for path in sorted(new, key=lambda one: self._positions.of(one) is None):
            if self._positions.of(path) is not None or not self._is_in_hand(path):
                self._files[path] = self._meet(path)
        # One that is gone may have been rotated: its position stays, and tells where to look for the rest of it when
        # the path is there again. So it is with one that is not among the newest any more.
        for path in self._files.keys() - set(paths):
            self._let_go(path, self._files.pop(path))
        self._first_look = False

    def _let_go(self, path: str, file: _File) -> None:
        for entry in file.joiner.finish():  # its tool may have deleted it right behind its last words
            self._say(path, file, entry)
        self._positions.keep(file.cursor.mark())

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
            kin=self._kin,
        )
        return _File(cursor, Joiner(Boundaries(self._grammar).begins), self._settings.per_minute)

    def _is_in_hand(self, path: str) -> bool:
        """Say whether a file that has come up is one that is read already, and has got another name."""
        try:
            look = os.stat(path)
        except OSError:
            return True
        return self._kin.is_followed((look.st_dev, look.st_ino), None)

    def _take(self, path: str, file: _File, lines: Iterator[Line | None]) -> None:
        try:
            for line in lines:
                now = time.monotonic_ns()
                for entry in file.joiner.finish() if line is None else file.joiner.feed(line, now):
                    self._say(path, file, entry)
                if line is None:
                    self._voice.begin_file(file.cursor.mark())
        except OSError:
            pass  # between two names of a rotation, or not for us to read: looked at again in the next round

    def _read(self, path: str, file: _File) -> None:
        self._take(path, file, file.cursor.read(_MOST_AT_ONCE))
        for entry in file.joiner.quiet(time.monotonic_ns()):
            self._say(path, file, entry)
        self._positions.keep(file.cursor.mark(file.joiner.pending))

    def _say(self, path: str, file: _File, entry: Entry) -> None:
        self._landed += 1
        text = entry.text
        if not text.strip() or any(pattern.search(text) for pattern in self._ignored):
            return
        # What says no time is of the time at which its file was written to last, which it can't be later than.
        written = min(time.time(), file.cursor.modified or time.time())
        said = self._grammar.read(text, now=written, began_ns=file.cursor.began)
        if said.began_ns is not None:
            file.cursor.began = said.began_ns
        if said.severity < self._least:
            return
        if said.is_time_impossible:
            self._voice.loss.add(_ODD_TIME)
        if file.may_say(said.severity, time.monotonic()):
            self._voice.say(path, entry, said, written)
        else:
            self._voice.loss.add(_FLOOD)
