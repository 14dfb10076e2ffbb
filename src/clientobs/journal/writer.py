"""The journal of one process: what the host's threads call, and what must never hurt them.

`append` is the way of every record: no lock, one fstat and one write under the GIL, nothing raised. It may
be called from any thread, a signal handler, a `__del__`, the middle of another append. All that is slow (the
next segment, fdatasync, quota) is the runtime's keeper thread's; an append does it only where it can't go on
otherwise (lanes.py).

When `append` returns True, the record survives the death of the process. When it returns False, the loss
has been counted.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from clientobs._fork import Loading, settle
from clientobs._guarded import faults, guarded
from clientobs._libc import libc
from clientobs.errors import JournalError
from clientobs.journal.contexts import ContextTable
from clientobs.journal.directory import RunDirectory, RunIdentity
from clientobs.journal.format import DELIVERABLE, MAX_PAYLOAD, NO_CONTEXT, Kind, Lane, encode_payload
from clientobs.journal.in_child import InChild, end_with_multiprocessing
from clientobs.journal.lanes import LANES, Lanes
from clientobs.journal.loss_notes import LossNotes
from clientobs.journal.records import LATE_ROLE
from clientobs.journal.segment import Segment
from clientobs.journal.shares import first_share

if TYPE_CHECKING:
    from clientobs._clock import Clock
    from clientobs._loss import LossLedger
    from clientobs.config.model import JournalConfig
    from clientobs.journal.home import Home

__all__ = ["Journal", "RunIdentity"]

# Plain integers: a member of an enum is looked up, and packed, the long way round.
_SPAN_STARTED: Final = int(Kind.SPAN_STARTED)
_SPAN_ENDED: Final = int(Kind.SPAN_ENDED)
_NOTE: Final = int(Kind.NOTE)
_LATE_CLOSE: Final = encode_payload(("closed", {"status": "exited", "detail": "late"}))
_MAX_OPEN_SPANS: Final = 4096
_QUOTA_NS: Final = 30_000_000_000
_QUOTA_OVERDUE_NS: Final = 1_000_000_000
_NO_CONTEXTS: Final[tuple[int, ...]] = ()


class Journal:
    """The write side of one run; nothing is on disk before the first append.

    >>> import tempfile
    >>> from clientobs._clock import Clock
    >>> from clientobs._loss import LossLedger
    >>> from clientobs.config.model import JournalConfig
    >>> from clientobs.journal.home import prepare
    >>> home = prepare(os.path.join(tempfile.mkdtemp(), "home"), uid=None)
    >>> journal = Journal(home, RunIdentity(run="0" * 32, session="1" * 32),
    ...                   config=JournalConfig(), clock=Clock(), loss=LossLedger())
    >>> journal.note("example", {"answer": 42})
    True
    >>> journal.close("exited", "")
    """

    def __init__(
        self, home: Home, identity: RunIdentity, *, config: JournalConfig, clock: Clock, loss: LossLedger
    ) -> None:
        self.home = home
        self.identity = identity
        self._config = config
        self._clock = clock
        self._mono: Callable[[], int] = clock.mono
        self._loss = loss
        self._contexts = ContextTable(pinned=self._contexts_in_use)
        self.in_child = InChild()
        self._begin()
        loss.doubled = self._tell_losses_at_once

    def _begin(self) -> None:
        """Start at zero, for this process: in __init__, and again in a forked child."""
        self._open_spans: dict[Hashable, tuple[bytes, tuple[int, ...], int]] = {}
        self._sequence = itertools.count(1)
        self._next = self._sequence.__next__
        self._pid = os.getpid()
        self._closed = False
        self._told_begin = False
        self._too_deep = 0
        self._loss_notes = LossNotes(self._loss)
        self._synced_mono = self._mono()
        self._quota_mono = 0
        self._in_round = False
        directory = RunDirectory(
            self.home,
            self.identity,
            libc=libc(),
            sequence=self._sequence,
            mono=self._mono,
            wall=self._clock.now,
        )
        self._lanes = Lanes(directory, self._config, self._loss, mono=self._mono, opened=self._carry_over)

    @property
    def run(self) -> str:
        """The id of this process's run; another one in a forked child."""
        return self.identity.run

    @property
    def path(self) -> str:
        """The run's folder, which exists once something was appended."""
        return self._lanes.directory.path

    # The records ---------------------------------------------------------------------------------

    def append(
        self, kind: int, payload: bytes, lane: Lane = "bulk", contexts: tuple[int, ...] = _NO_CONTEXTS
    ) -> bool:
        """Land one record; say whether it landed. Never raises.

        `contexts` are the numbers that the payload refers to: their CONTEXT records come before it in the
        same segment.
        """
        try:
            segment = self._lanes.current[lane]
            if segment is None or len(payload) > MAX_PAYLOAD or self._closed:
                return self._landed(kind, self._append_slowly(kind, payload, lane, contexts))
            if contexts and not segment.contexts.issuperset(contexts):
                self._write_contexts(segment, contexts)
            if segment.append(kind, payload, self._next(), self._mono()):
                if segment.size >= self._lanes.hard_bytes[lane]:
                    self._lanes.rotate(lane)
                return True
            return self._landed(kind, self._append_slowly(kind, payload, lane, contexts, segment))
        except Exception as error:  # noqa: BLE001  # the wall: see _guarded.py
            return self._failed(kind, error)

    def span_started(self, key: Hashable, payload: bytes, contexts: tuple[int, ...] = _NO_CONTEXTS) -> bool:
        """Land the start of a span, and keep it to be written again into each new segment until it ends."""
        if len(self._open_spans) < _MAX_OPEN_SPANS:
            # Before the append: a rotation in between then carries it over (twice is harmless, never is not).
            self._open_spans[key] = (payload, contexts, get_ident())
        return self.append(_SPAN_STARTED, payload, "bulk", contexts)

    def span_ended(
        self, key: Hashable, payload: bytes, lane: Lane = "bulk", contexts: tuple[int, ...] = _NO_CONTEXTS
    ) -> bool:
        """Land the end of a span. An end in the vital lane leaves a note "ended" beside its start in bulk.

        Lanes are released apart: without that note, a start could outlive its end and be told as interrupted.
        """
        # Before the append: a start carried over after it would stand in a later segment than the end.
        carried = self._open_spans.pop(key, None)
        if carried is None:
            if self.identity.role == LATE_ROLE:  # its run is closed, and has told it as interrupted
                return self._landed(_SPAN_ENDED, "closed")
        elif lane != "bulk":
            self.note("ended", {"key": key}, "bulk")
        return self.append(_SPAN_ENDED, payload, lane, contexts)

    def open_on(self, thread: int) -> list[tuple[Hashable, bytes]]:
        """Return key and payload of the spans that a thread has begun and nobody has ended, the oldest first."""
        return [
            (key, payload) for key, (payload, _, ident) in list(self._open_spans.items()) if ident == thread
        ]

    def note(self, type: str, values: Mapping[str, Any], lane: Lane = "bulk") -> bool:  # noqa: A002
        """Land a note; the types are listed at `records.NoteRecord`."""
        try:
            payload = encode_payload((type, dict(values)))
        except ValueError as error:
            return self._failed(Kind.NOTE, error)
        return self.append(Kind.NOTE, payload, lane)

    @guarded("journal.describe", default=None)
    def describe(self, resource: Mapping[str, Any]) -> None:
        """Let what comes from now on have another resource: each segment says its own, so new ones are begun."""
        self.identity = replace(self.identity, resource=resource)
        self._lanes.directory.identity = self.identity
        self._lanes.renew()

    @guarded("journal.context", default=NO_CONTEXT)
    def context_number(self, type: str, values: Mapping[str, Any]) -> int:  # noqa: A002
        """Return the number of a context's content, the same for the same content (key order included).

        It may be kept until `watch_contexts` tells that old numbers were forgotten: that is after 4096 newer ones,
        and never while an open span or an open segment refers to it. A record that refers to a forgotten one
        is counted as "context".
        """
        return self._contexts.number(type, values)

    def watch_contexts(self, forgotten: Callable[[], object]) -> None:
        """Call `forgotten` whenever old context numbers were given up."""
        self._contexts.on_eviction = forgotten

    # The keeper's work ---------------------------------------------------------------------------

    @guarded("journal.tend", default=None)
    def tend(self) -> None:
        """Keep the lock, rotate, sync, make a round of retention, write down losses. Every 1 to 2 s."""
        if self._closed or self._pid != os.getpid() or not self._lanes.directory.has_begun:
            return
        now = self._mono()
        self._lanes.keep()
        if now - self._synced_mono >= self._config.sync_seconds * 1e9:
            self._synced_mono = now
            self.sync()
        if self._lanes.starved or now - self._quota_mono >= _QUOTA_NS:
            self.enforce_quota()
        self._tell_losses()

    @guarded("journal.sync", default=None)
    def sync(self) -> None:
        """Bring what has landed to the disk itself (fdatasync): what a power loss then can't take."""
        self._lanes.sync()

    @guarded("journal.quota", default=None)
    def enforce_quota(self) -> None:
        """Make a round of retention, and take this writer's share of what is free."""
        with Loading():
            from clientobs.journal import retention  # noqa: PLC0415  # the reading half: not before it is needed

        self._quota_mono = self._mono()
        self._in_round = True
        try:
            shares = retention.enforce(self.home, self._config).shares
        except (JournalError, OSError):
            # The home is gone or unreadable: what comes goes by the first share again, and the next append
            # that needs a segment finds out what can be done.
            shares = {lane: first_share(self._config, lane) for lane in LANES}
        finally:
            self._in_round = False
        self._lanes.grant(shares)

    # The end -------------------------------------------------------------------------------------

    @guarded("journal.close", default=None)
    def close(self, status: str, detail: str) -> None:
        """Write the clean close and let go of everything; later records are counted as "closed"."""
        if self._closed or self._pid != os.getpid():
            return
        if self._lanes.directory.has_begun:
            self._lanes.resume()  # the last chance: there may be room again for what these two have to say
            self._tell_losses()
            self.note("closed", {"status": status, "detail": detail}, "vital")
        self._closed = True
        self._lanes.close()

    @guarded("journal.reopen", default=None)
    def reopen(self, *, late: bool = False) -> None:
        """Begin another run after a close that was not the end: an exec that failed, a mended os._exit.

        `late`: the end it was, but records may still come; nobody closes that run.
        """
        if self._closed and self._pid == os.getpid():
            role = LATE_ROLE if late else self.identity.role
            self.identity = replace(self.identity, run=os.urandom(16).hex(), role=role)
            notes = self._loss_notes.next_run()
            self._begin()
            self._loss_notes = notes

    @guarded("journal.fork", default=None)
    def after_fork_in_child(self) -> None:
        """Leave the parent's run alone; one of our own, role "child", begins with the first record."""
        self._lanes.abandon()
        self._lanes.directory.abandon()
        # Not from _ids: a handler that runs before ours may record while that generator still is a copy.
        run = os.urandom(16).hex()
        resource = self.in_child.describe(run, self.identity.resource)
        self.identity = replace(self.identity, run=run, role="child", resource=resource)
        self._begin()
        end_with_multiprocessing(self)

    def stats(self) -> dict[str, Any]:
        """Return how this journal stands."""
        segment = self._lanes.current["bulk"] or self._lanes.current["vital"]
        return {
            "open_spans": len(self._open_spans),
            "paused": self._lanes.pauses(),
            "under_gil": segment is not None and type(segment) is not Segment,
        }

    # Off the ordinary way ------------------------------------------------------------------------

    def _append_slowly(
        self, kind: int, payload: bytes, lane: Lane, contexts: tuple[int, ...], failed: Segment | None = None
    ) -> str:
        """Append where it takes more than one write; return "", or the reason why it could not be."""
        if len(payload) > MAX_PAYLOAD:
            return "oversize"
        if self._pid != os.getpid():
            self.after_fork_in_child()
            failed = None
        if self._closed:
            return "closed"
        settle()  # a segment that is opened after a fork sees no fork behind it
        for _ in range(2):  # the second time after a segment that failed at once
            segment = self._lanes.usable(lane, failed)
            if isinstance(segment, str) and self._sees_to_share(lane):
                segment = self._lanes.usable(lane, failed)
            if isinstance(segment, str):
                return segment
            self._write_contexts(segment, contexts)
            if segment.append(kind, payload, self._next(), self._mono()):
                return ""
            failed = segment
        is_full = failed is not None and failed.failure == "full"
        return self._lanes.pause(lane, "disk-full" if is_full else "io")

    def _sees_to_share(self, lane: Lane) -> bool:
        """Do for a starved lane what the keeper hasn't done yet; say whether to look for a segment again."""
        if not self._lanes.starved:
            return False
        if self._in_round:
            # Beside busy threads of the host a round takes the keeper seconds, which nobody here can wait.
            self._lanes.advance(lane)
            return True
        if self._mono() - self._quota_mono > _QUOTA_OVERDUE_NS:
            self.enforce_quota()  # a forked child may have no keeper
            return True
        return False

    def _write_contexts(self, segment: Segment, contexts: tuple[int, ...]) -> None:
        for number in contexts:
            if number == NO_CONTEXT or number in segment.contexts:
                continue
            payload = self._contexts.payload(number)
            if payload is None:
                self._loss.add("context")
            elif segment.append(Kind.CONTEXT, payload, self._next(), self._mono()):
                segment.contexts.add(number)  # landed: only now may another thread rely on it

    def _carry_over(self, segment: Segment) -> None:
        """Write the starts of all open spans into a new segment of the bulk lane."""
        if segment.lane == "bulk":
            before = segment.size
            for key, (payload, contexts, _) in list(self._open_spans.items()):
                if key not in self._open_spans:
                    continue
                if segment.size - before > self._config.segment_bytes:
                    self._loss.add("carry")
                    self._open_spans.pop(key, None)
                    continue
                self._write_contexts(segment, contexts)
                segment.append(Kind.SPAN_STARTED, payload, self._next(), self._mono())
            segment.size = before
        segment.records = 0
        if not self._told_begin:
            self._told_begin = True
            if self.identity.role == "child":
                self.in_child.begin()
            elif self.identity.role == LATE_ROLE:
                segment.append(_NOTE, _LATE_CLOSE, self._next(), self._mono())

    def _contexts_in_use(self) -> set[int]:
        used = {number for _, contexts, _ in list(self._open_spans.values()) for number in contexts}
        for lane in LANES:
            segment = self._lanes.current[lane]
            if segment is not None:
                used.update(list(segment.contexts))
        return used

    @guarded("journal.losses", default=None)
    def _tell_losses(self) -> None:
        """Write the totals down where they have changed."""
        if self._too_deep:
            deep, self._too_deep = self._too_deep, 0
            self._loss.add("fault", deep)
        self._loss_notes.tell(lambda note: not self._append_slowly(_NOTE, note, "vital", _NO_CONTEXTS))

    def _tell_losses_at_once(self) -> None:
        if self._closed or self._pid != os.getpid():
            return
        try:
            if self.identity.role == LATE_ROLE:
                self._tell_losses()  # there is no keeper any more
            elif (segment := self._lanes.current["vital"]) is not None:
                self._loss_notes.tell_at_once(
                    lambda note: segment.append(_NOTE, note, self._next(), self._mono())
                )
        except RecursionError:  # the host's own, which leaves no room for a call of ours
            return
        except Exception as error:  # noqa: BLE001  # the wall: guards themselves count losses, behind no other one
            faults.record("journal.losses", error)

    def _landed(self, kind: int, reason: str) -> bool:
        if reason and kind in DELIVERABLE:
            self._loss.add(reason)
        return not reason

    def _failed(self, kind: int, error: Exception) -> bool:
        try:
            faults.record("journal.append", error)
            self._landed(kind, "fault")  # last, so that it is counted once
        except RecursionError:
            self._too_deep += 1  # at the recursion limit even counting fails: no call here
        return False
