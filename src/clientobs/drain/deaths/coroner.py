"""Holds the inquests of a drain: one after the other, off its loop, each within a bound of time, each once.

The drain asks for the findings of a dead run again and again (`of`), and goes on with its other work until they are
there. They are then in the run's folder, and the next drain, or the same one after a lost acknowledgement, reads them.
A step that hangs (a folder behind a dead automounter, a program that does not return) costs LIMIT seconds: what was
found until then is told, and the thread is left to itself. After three of these no more are held.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from clientobs._guarded import faults, quiet
from clientobs.config import environment
from clientobs.drain.deaths.findings import EXIT_STATUS_FILE, read_findings, write_findings
from clientobs.drain.deaths.inquest import Inquest, Sources
from clientobs.drain.deaths.watch import LivesWatch
from clientobs.privacy.pseudonym import maker
from clientobs.privacy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clientobs._loss import LossLedger
    from clientobs.config.model import Config
    from clientobs.drain.deaths.findings import Findings
    from clientobs.drain.deaths.inquest import Death
    from clientobs.drain.deaths.watch import Life
    from clientobs.journal.home import Home

__all__ = ["LIMIT", "Coroner", "coroner_of"]

LIMIT: Final = 12.0
"""Seconds that one inquest may take."""

_LEFT_MOST: Final = 3
_SYSTEM: Final = Sources()
_MAX_TEXT: Final = 65_536


class _Case:
    """One inquest on its way."""

    def __init__(self, inquest: Inquest) -> None:
        self.inquest = inquest
        self.began: float | None = None
        self.done = False


class Coroner:
    """All inquests of one drain; `clean` is the redactor's."""

    def __init__(
        self,
        *,
        clean: Callable[[str], str],
        environ: Mapping[str, str],
        boot_id: str,
        sources: Sources = _SYSTEM,
        wake: Callable[[], object] = lambda: None,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clean = clean
        self._lives = LivesWatch(boot_id)
        self._environ = environ
        self._sources = sources
        self._wake = wake
        self._mono = mono
        self._cases: dict[str, _Case] = {}
        self._queue: queue.SimpleQueue[_Case | None] | None = None
        self._left = 0

    def look(self, runs: Iterable[Life]) -> None:
        """Watch the living; often."""
        self._lives.look(runs)

    def of(self, folder: str, death: Callable[[], Death]) -> Findings | None:
        """Return what was found out of the death of the run in `folder`, None while it is being looked into."""
        run = os.path.basename(folder)
        case = self._cases.get(run)
        if case is None:
            known = read_findings(folder)
            if known is not None:
                return known
            inquest = Inquest(
                self._with_life(run, death()),
                clean=self.clean,
                environ=self._environ,
                sources=self._sources,
                exit_status=os.path.join(folder, EXIT_STATUS_FILE),
            )
            case = self._cases[run] = self._begin(inquest)
        if not case.done and not self._is_overdue(case):
            return None
        del self._cases[run]
        findings = case.inquest.findings
        with quiet("inquest.write"):
            write_findings(folder, findings)
        return findings

    def _with_life(self, run: str, death: Death) -> Death:
        life = self._lives.of(run)
        if life is None:
            return death
        death = replace(death, handle=life.handle)
        if not life.samples:
            return death
        last = life.samples[-1].mono_ns
        later = max(0, last - death.last_mono)
        return replace(
            death,
            memory=tuple(life.samples),
            kills=self._lives.killed_since(run),
            comm=life.comm,
            last_mono=death.last_mono + later,
            last_seconds=death.last_seconds + later / 1e9,
        )

    def _begin(self, inquest: Inquest) -> _Case:
        case = _Case(inquest)
        if self._left >= _LEFT_MOST:
            case.done = True
            return case
        if self._queue is None:
            self._queue = queue.SimpleQueue()
            threading.Thread(
                target=self._work, args=(self._queue,), name="clientobs-inquest", daemon=True
            ).start()
        self._queue.put(case)
        return case

    def _is_overdue(self, case: _Case) -> bool:
        if case.began is None or self._mono() - case.began < LIMIT:
            return False
        self._leave_thread(case)
        return True

    def _leave_thread(self, hung: _Case) -> None:
        """Give what waits behind an inquest that hangs to another thread."""
        faults.record("inquest.hung", TimeoutError(f"no end within {LIMIT:g} s"))
        self._left += 1
        self.close()
        for run, case in list(self._cases.items()):
            if case is not hung and case.began is None:
                case.began = self._mono()  # the old thread passes it over
                self._cases[run] = self._begin(case.inquest)

    def _work(self, cases: queue.SimpleQueue[_Case | None]) -> None:
        while (case := cases.get()) is not None:
            if case.began is not None:
                continue
            case.began = self._mono()
            with quiet("inquest.run"):
                case.inquest.run()
            case.done = True
            self._wake()

    @property
    def busy(self) -> bool:
        """Whether a death is being looked into: what comes of it is still to be delivered."""
        return bool(self._cases)

    def close(self) -> None:
        """Let the thread end, once it has got that far."""
        if self._queue is not None:
            self._queue.put(None)
            self._queue = None


def coroner_of(
    config: Config, home: Home, boot_id: str, loss: LossLedger, *, wake: Callable[[], object]
) -> Coroner:
    """Return the coroner of a drain: with its redactor, in its environment, which is the host's but for a few."""
    redactor = Redactor(config.privacy, config.limits, loss, pseudonym=maker(home.secret))
    return Coroner(
        clean=lambda text: redactor.text(text, _MAX_TEXT),
        environ=environment.current(),
        boot_id=boot_id,
        wake=wake,
    )
