"""The watch: is the main thread silent, since when, and is that a hang.

Called by the keeper once a second, and ten times a second while something is suspicious. What counts as an answer:

    loop    the event loop of Qt has answered (loop.py), or a host's idle callback has called `beat`
    span    without either: spans of the main thread begin and end, or it reads and writes

A silent event loop is a hang after HangsConfig.seconds: whoever sits there sees it. Without a loop nobody waits for
one, and silence alone proves nothing (a tool computes, waits for a child, for its user, for a farm). There it takes
evidence: one call on a file that doesn't come back; threads that wait for each other; and, where a person sits
in front of it, a thread that computes all the time and does nothing else. Known work (_known_work.py) has more
time.

Nothing here runs on the host's threads. What is found is written to the journal, as notes "hang", and told by the
drain. Costs four small reads of /proc a second where a span is open, and one small write.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs import _procfs
from clientobs._beat import BEAT_FILE, Beat, pack
from clientobs._guarded import quiet
from clientobs._own_file import put
from clientobs.guard.hang.case import Case, Heard, OpenSpan, Silence
from clientobs.guard.hang.loop import QtLoop
from clientobs.guard.hang.others import OtherThreads
from clientobs.guard.hang.stacks import DEBUGGERS, Stacks, modules_in, names
from clientobs.guard.hang.standing import Facts, Standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, ModuleType

    from clientobs.config.model import HangsConfig
    from clientobs.guard.hang.case import Reason

__all__ = ["HangWatch", "OpenSpan"]

Say: TypeAlias = "Callable[[dict[str, Any], bool], object]"

_SECOND: Final = 1_000_000_000
_SUSPICIOUS: Final = 1 * _SECOND
_ABSENT: Final = 3 * _SECOND
"""A keeper that comes this late was stopped, asleep with the machine, or without the interpreter lock.

Only the last goes on where the main thread computes meanwhile: native code held the lock, or Python that lets go of
it for moments only. What was silent before is silent still, if nothing has been heard when the keeper is back.
"""
_BEAT: Final = 900_000_000
"""Between two beats that say the same: each takes the interpreter lock back three times."""

_SEEN_LATER: Final = 3 * _SECOND
"""By so much less than the process has moved nothing is one call of another thread known to last."""

_TURN: Final = "lock"
_QUICK_FOR: Final = 60 * _SECOND
_MOST_SAMPLES: Final = 3000
_CHILDREN: Final = frozenset({"subprocess", "multiprocessing"})
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class HangWatch:
    """Watches the main thread of this process.

    `say(values, vital)` writes a note, `opened()` returns the spans open on the main thread and a token that
    changes with each that begins, `clean` redacts a text, `pace(quick)` asks to be called ten times a second or
    once. `interactive`: a person may sit in front of it. `waits(frames)` tells who waits for whom.
    """

    def __init__(
        self,
        settings: HangsConfig,
        *,
        interactive: bool,
        loops: bool,
        say: Say,
        opened: Callable[[], tuple[object, list[OpenSpan]]],
        clean: Callable[[str], str],
        pace: Callable[[bool], object],
        waits: Callable[[dict[int, FrameType], dict[int, str]], tuple[list[str], bool]],
        mono: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._threshold = int(settings.seconds * 1e9)
        self._stall = int(settings.stall_seconds * 1e9)
        self._limit = int(settings.work_seconds * 1e9)
        self._interactive = interactive
        self._loops = loops
        self._say = say
        self._opened = opened
        self._clean = clean
        self._pace = pace
        self._waits = waits
        self._mono = mono
        self._path = ""
        self._loop = QtLoop()
        self._standing = Standing()
        self._others = OtherThreads()
        self._stacks = Stacks(self._tell_stack, clean)
        self._token: object = None
        self._answered = self._ticked = mono()
        self._waits_due = 0
        self._beaten: int | None = None
        self._silence: Silence | None = None
        self._written = Beat(at=0)

    # What others call ----------------------------------------------------------------------------

    def beat(self) -> None:
        """Say that the host's main loop goes round: for adapters whose host calls them when it is idle."""
        self._beaten = self._mono()

    def loop_ended(self) -> None:
        """Say that no more beats will come, and none is missed."""
        self._beaten = None

    def take_qt(self, module: ModuleType) -> None:
        """Take what the watch needs of a module of Qt (loop.py), on the thread of the host that has loaded it."""
        if self._loops:
            self._loop.take(module)

    def begin(self, folder: str) -> None:
        """Watch for the run in a folder."""
        self._written = Beat(at=0)
        self._path = os.path.join(folder, BEAT_FILE)

    def close(self) -> None:
        """End the watch."""
        self._over(self._mono())
        self._loop.close()
        path, self._path = self._path, ""
        if path:
            # Not there before the first look, and gone where somebody cleaned up.
            with quiet("hang.close"), suppress(FileNotFoundError):
                os.unlink(path)

    def after_fork_in_child(self) -> None:
        """Forget what was the parent's; the child is watched once it has a folder."""
        self._path = ""
        self._silence = None
        self._beaten = None
        self._loop.after_fork_in_child()
        self._stacks.clear()
        self._token = None
        self._pace(False)

    def tick(self) -> None:
        """Look once."""
        now = self._mono()
        has_run_on = self._standing.has_run_on(now)
        if now - self._ticked > _ABSENT and not has_run_on and not (self._silence and self._silence.hung):
            self._hear(now)
        self._ticked = now
        if not self._path:
            return
        watch, spans = self._listen(now)
        work = next((span.work for span in reversed(spans) if span.work), "")
        heard = self._measure(now, work)
        if watch and (now - heard.since >= _SUSPICIOUS or (watch == "span" and self._is_told())):
            self._suspect(now, watch, spans, work, heard)
        else:
            self._over(now)
        self._write(now, watch, work)

    # Listening -----------------------------------------------------------------------------------

    def _listen(self, now: int) -> tuple[str, list[OpenSpan]]:
        """Hear whether the main thread has answered; return what is watched and its open spans."""
        answered = False
        if self._loops:
            with quiet("hang.loop"):
                answered = self._loop.ask()
        token, spans = self._opened()
        loop = self._loop.running or self._beaten is not None
        if loop and self._loops:
            if answered:
                self._hear(now)
            elif self._beaten is not None and self._beaten > self._answered:
                self._hear(self._beaten)
            return "loop", spans
        if not spans or token != self._token:
            self._token = token
            self._others.begin()
            self._hear(now)
        return ("span" if spans else ""), spans

    def _hear(self, now: int) -> None:
        if self._silence is not None and not self._silence.hung:
            self._over(now)
        self._answered = now
        self._waits_due = 0
        self._standing.begin(now)

    def _measure(self, now: int, work: str) -> Heard:
        if not work:
            return Heard(self._answered, self._threshold)
        if now - self._answered >= self._limit:
            return Heard(self._answered, self._limit)
        self._standing.look_at_process(now)
        self._others.look_first(now)
        return Heard(max(self._answered, self._standing.progress_ns), self._stall)

    # Silence -------------------------------------------------------------------------------------

    def _suspect(self, now: int, watch: str, spans: list[OpenSpan], work: str, heard: Heard) -> None:
        """Look closely at a thread that was silent for a second: what is it doing."""
        facts = self._standing.look(now)
        if watch == "span" and facts.moved:
            self._hear(now)
            self._over(now)
            return
        if work and watch == "span" and facts.call is None and self._interactive:
            facts = self._with_others(now, spans, heard, facts)
        is_moving = (
            now - heard.since < _SUSPICIOUS
        )  # but a call that was told as a hang is over when it returns
        case = None if is_moving and facts.call is None else self._case(now, watch, work, heard, facts)
        if case is None:
            self._over(now)
            return
        frames = sys._current_frames()  # noqa: SLF001  # the one way, and documented
        main = frames.get(threading.main_thread().ident or 0)
        is_due = now - case.since >= case.threshold
        is_stopped = bool(modules_in(main) & DEBUGGERS) or (is_due and _procfs.is_held("self"))
        if is_stopped or (work and _innermost(main) in _CHILDREN):
            self._hear(now)
            self._over(now)
            return
        waits, circle = self._who_waits(now, case, frames)
        if case.needs_waits and not circle and self._silence is None:
            return
        silence = self._silence
        if silence is None:
            silence = self._silence = Silence(since=case.since)
            self._pace(True)
        self._sample(now, silence, main, frames)
        if now - silence.since >= case.threshold and not silence.hung:
            silence.hung = True
            reason: Reason = "deadlock" if circle else case.reason
            self._tell(now, watch, spans, work, case._replace(reason=reason), facts, waits)

    def _is_told(self) -> bool:
        return self._silence is not None and self._silence.hung

    def _with_others(self, now: int, spans: list[OpenSpan], heard: Heard, facts: Facts) -> Facts:
        """Return what is known, with the call of another thread that does the known work and has stood as long."""
        self._others.look(now)
        is_told = (
            self._silence is not None and self._silence.hung
        )  # over when that call is, whatever else moves
        if now - heard.since < heard.threshold and not is_told:
            return facts
        began = next((span.values.get("start_mono", 0) for span in spans if span.work), 0) or self._answered
        call = self._others.stuck(began, now, heard.threshold - _SEEN_LATER)
        return replace(facts, call=call, call_ns=heard.since, idle=True) if call is not None else facts

    def _case(self, now: int, watch: str, work: str, heard: Heard, facts: Facts) -> Case | None:
        """Return what speaks for a hang, None where nothing does."""
        overdue = not work or now - self._answered >= self._limit
        if facts.call is not None:
            since = heard.since if watch == "loop" or facts.idle else max(heard.since, facts.call_ns)
            # A batch that waits for its turn is in a queue, and nobody sits before it.
            is_in_turn = facts.call.operation == _TURN and not self._interactive
            return Case("file", since, self._limit if is_in_turn else heard.threshold)
        computes = facts.computing_ns and overdue
        if watch == "loop":
            reason: Reason = "computing" if facts.computing_ns else "stalled" if work else "interface"
            return Case(reason, heard.since, heard.threshold)
        if computes and self._interactive:
            since = self._answered if work else max(heard.since, facts.computing_ns)
            return Case("computing", since, heard.threshold)
        if facts.lock_ns and now - facts.lock_ns >= self._threshold:
            since = heard.since if facts.idle else facts.lock_ns
            return Case("deadlock", since, self._threshold, needs_waits=True)
        return None

    def _who_waits(self, now: int, case: Case, frames: dict[int, FrameType]) -> tuple[list[str], bool]:
        """Ask who waits for whom, once it is a hang, and not again for as long."""
        is_due = now - case.since >= case.threshold and now >= self._waits_due
        if case.reason in {"computing", "file"} or not is_due:
            return [], False
        # Reading bytecode costs milliseconds: a tool that waits for an hour is asked about a dozen times.
        self._waits_due = now + max(self._threshold, now - case.since)
        return self._waits(frames, names())

    def _sample(
        self, now: int, silence: Silence, main: FrameType | None, frames: dict[int, FrameType]
    ) -> None:
        """Write down where the threads stand: the main one each time, the others once a second if they moved."""
        quick = now - silence.since < _QUICK_FOR
        if silence.samples >= _MOST_SAMPLES or (not quick and now - silence.sampled_at < _SECOND):
            return
        silence.samples += 1
        silence.sampled_at = now
        note: dict[str, Any] = {"at": "sample", "mono": now, "main": self._stacks.of(main)}
        if now - silence.others_at >= _SECOND:
            silence.others_at = now
            others = self._stacks_of_others(frames)
            if others != silence.others:
                note["others"] = silence.others = others
        self._note(note)

    def _stacks_of_others(self, frames: dict[int, FrameType]) -> dict[str, Any]:
        known = names()
        apart = {threading.main_thread().ident, threading.get_ident()}
        return {
            self._clean(known.get(ident, f"thread {ident}")): self._stacks.of(frame)
            for ident, frame in list(frames.items())[:100]
            if ident not in apart
        }

    def _tell(
        self,
        now: int,
        watch: str,
        spans: list[OpenSpan],
        work: str,
        case: Case,
        facts: Facts,
        waits: list[str],
    ) -> None:
        values: dict[str, Any] = {
            "at": "hung",
            "mono": now,
            "watch": watch,
            "reason": case.reason,
            "work": work,
            "threshold": case.threshold,
            "spans": [span.values for span in spans],
            "waits": [self._clean(wait) for wait in waits],
        }
        if facts.call is not None:
            values["operation"], values["path"] = facts.call.operation, self._clean(facts.call.path)
        self._note(values, vital=True)

    def _over(self, now: int) -> None:
        silence, self._silence = self._silence, None
        if silence is None:
            return
        if silence.hung:
            self._silence = silence
            self._note({"at": "over", "mono": now}, vital=True)
            self._silence = None
        self._stacks.clear()
        self._pace(False)

    def _tell_stack(self, values: dict[str, Any]) -> None:
        self._note(values)

    def _note(self, values: dict[str, Any], *, vital: bool = False) -> None:
        if self._silence is not None:
            self._say({**values, "since": self._silence.since}, vital)

    def _write(self, now: int, watch: str, work: str) -> None:
        """Write the beat: what the drain judges by when this doesn't come any more."""
        seen = watch if watch == "loop" else "file" if watch else ""
        if self._interactive:
            seen = watch or "idle"
        beat = Beat(
            at=now,
            watch=seen,
            answered=self._answered,
            threshold=self._limit if work else self._threshold,
            stall=self._stall if work or not watch else 0,
            work=work,
            thread=threading.get_native_id(),
            limit=self._limit,
        )
        if now - self._written.at < _BEAT and replace(self._written, at=now) == beat:
            return
        self._written = beat
        path = (
            self._path
        )  # closed meanwhile by a host that ends, or its folder taken away: nothing to be told
        with suppress(FileNotFoundError):
            put(path, pack(beat), _FLAGS)


def _innermost(frame: FrameType | None) -> str:
    name = frame.f_globals.get("__name__") if frame is not None else None
    return name.partition(".")[0] if isinstance(name, str) else ""
