"""The Runtime: what `init()` built and returns, and the order in which it ends."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from clientobs import semconv
from clientobs._guarded import quiet
from clientobs._loss import LossLedger
from clientobs.config.model import Config
from clientobs.instruments import registry
from clientobs.pipeline.context import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.config.problems import Problem, Source
    from clientobs.guard.exits import ExitWatch
    from clientobs.journal.writer import Journal
    from clientobs.record.recorder import Recorder
    from clientobs.runtime.delivery import Delivery
    from clientobs.runtime.failures import Failures
    from clientobs.runtime.hangs import Hangs
    from clientobs.runtime.keeper import Keeper
    from clientobs.runtime.session import SessionEvents

__all__ = ["Parts", "Runtime"]


class Parts:
    """The live parts of a running Runtime; a bag on purpose, filled by `start.py` in order."""

    __slots__ = (
        "collect_metrics",
        "delivery",
        "events",
        "exits",
        "failures",
        "finish",
        "hangs",
        "journal",
        "keeper",
        "mono",
        "recorder",
        "release",
        "undo",
    )

    journal: Journal
    recorder: Recorder
    events: SessionEvents
    keeper: Keeper
    exits: ExitWatch | None
    failures: Failures
    hangs: Hangs | None
    finish: Callable[[], None]
    delivery: Delivery
    collect_metrics: Callable[[], None]
    undo: Callable[[], None]
    release: Callable[[], None]
    mono: Callable[[], int]


class Runtime:
    """A started clientobs, or an idle one that records nothing and says why.

    `home` is the journal's folder (None: there is none), `run` and `session` are 32 hex digits, `config` and
    `sources` are the settings and where each came from, `problems` what was not valid in them, `reason` why
    nothing is recorded ("" when all is well). `endings` are called with the evidence, each once, before a clean
    end of the process that filled it is written; not in a forked child.
    """

    def __init__(
        self,
        *,
        config: Config,
        sources: dict[str, Source],
        problems: tuple[Problem, ...],
        loss: LossLedger,
        reason: str = "",
        home: str | None = None,
        run: str = "",
        session: str = "",
        parts: Parts | None = None,
    ) -> None:
        self.config = config
        self.sources = sources
        self.problems = problems
        self.loss = loss
        self.reason = reason
        self.home = home
        self.run = run
        self.session = session
        self._parts = parts
        self._late: Callable[[], None] | None = None
        self._ending = threading.RLock()
        self._joined: set[str] = set()
        self.endings: list[Callable[[str], None]] = []
        self.preloaded = False
        """Whether `clientobs run` began this session, and the program has not called init() yet."""

    @classmethod
    def idle(
        cls,
        reason: str,
        config: Config | None = None,
        sources: dict[str, Source] | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> Runtime:
        """Return a Runtime that records nothing."""
        return cls(
            config=config or Config(),
            sources=sources or {},
            problems=problems,
            loss=LossLedger(),
            reason=reason,
        )

    def __repr__(self) -> str:
        state = "running" if self.running else f"idle: {self.reason or 'shut down'}"
        return f"<clientobs.Runtime {self.config.service.name!r} run={self.run or None} {state}>"

    @property
    def running(self) -> bool:
        """Whether records are taken."""
        return self._parts is not None

    @property
    def journal(self) -> Journal | None:
        """The journal writer, or None when idle."""
        return self._parts.journal if self._parts is not None else None

    @property
    def patched(self) -> tuple[str, ...]:
        """The functions of others that call us before or after their own work, for `doctor`."""
        if self._parts is None:
            return ()
        exits = self._parts.exits
        instruments = [name for each in registry.active().values() for name in each.patched]
        return (*(exits.patched if exits is not None else ()), *instruments)

    @property
    def tools(self) -> dict[str, Tool]:
        """The tools of this interpreter by top-level package."""
        return self._parts.recorder.tools.all() if self._parts is not None else {}

    def join(
        self, package: str, service: str | None, version: str | None, environment: str | None = None
    ) -> None:
        """Let the caller of a second init() speak as a tool of its own; say once that settings stay.

        The first init() of a program whose session `clientobs run` has begun for it is no second one: what it
        says of service, version and environment holds from there on.
        """
        parts = self._parts
        if parts is None:
            return
        if self.preloaded and (service or version or environment):
            self.preloaded = False
            with quiet("init.adopted"):
                self._adopt(parts, package, service, version, environment)
            return
        if service is None:
            return
        parts.recorder.tools.register(package, Tool(service, version))
        if service != self.config.service.name and service not in self._joined:
            self._joined.add(service)
            with quiet("init.repeated"):
                parts.events.repeated(service)

    def _adopt(
        self, parts: Parts, package: str, service: str | None, version: str | None, environment: str | None
    ) -> None:
        """Describe the running session as the program itself does; what was recorded before keeps its name."""
        known = self.config.service
        described = replace(
            known,
            name=service or known.name,
            version=version or known.version,
            environment=environment or known.environment,
        )
        self.config = replace(self.config, service=described)
        recorder = parts.recorder
        changed = {
            semconv.SERVICE_NAME: described.name,
            semconv.SERVICE_VERSION: described.version,
            semconv.DEPLOYMENT_ENVIRONMENT_NAME: described.environment,
        }
        found = recorder.redactor.attributes({key: value for key, value in changed.items() if value})
        parts.journal.describe({**parts.journal.identity.resource, **found})
        tool = Tool(described.name, described.version)
        recorder.tools.rename_first(package, tool)
        recorder.contexts.set_default_tool(tool)

    def flush(self, timeout: float) -> bool:
        """Ask for delivery of all that is recorded; wait at most `timeout` seconds; say whether it came."""
        parts = self._parts
        if parts is None:
            return False
        with quiet("flush"):
            parts.collect_metrics()
            return parts.delivery.flush(parts.journal, timeout)
        return False

    def leave(self, evidence: str) -> None:
        """Write the clean end of the run: the process is about to go in a way that atexit doesn't see."""
        with self._ending:
            parts = self._parts
            if parts is not None:
                self._write_end(parts, evidence)
                self._see_off(parts)
                with quiet("leave.delivery"):
                    parts.delivery.at_exit(parts.journal, None)

    def stayed(self) -> None:
        """Go on after an exec that failed."""
        parts = self._parts
        if parts is not None:
            parts.journal.reopen()
            with quiet("stayed.failures"):
                parts.failures.stayed(parts.journal)

    def stop(
        self, evidence: str, timeout: float | None = None, patience: float = 0.0, *, late: bool = False
    ) -> None:
        """End the session, undo what was installed, and wait for delivery as configured.

        `patience` is for a host that goes on: seconds that our own thread gets to let go of its files. `late`: code
        of the host still runs after this, and what it records is taken, until the process is gone or `silence`.
        """
        with self._ending:
            parts, self._parts = self._parts, None
            if parts is None:
                return
            with quiet("stop.keeper"):
                parts.keeper.stop()
            self._write_end(parts, evidence)
            with quiet("stop.release"):
                parts.undo()
            if not late:
                with quiet("stop.silence"):
                    parts.release()
        self._see_off(parts)
        with quiet("stop.delivery"):
            parts.delivery.at_exit(parts.journal, timeout)
        with quiet("stop.join"):
            parts.keeper.join(patience)
        if late:
            self._late = parts.release
            parts.journal.reopen(late=True)

    def silence(self) -> None:
        """Take nothing any more after an end that was `late`."""
        release, self._late = self._late, None
        if release is not None:
            with quiet("stop.silence"):
                release()

    def _see_off(self, parts: Parts) -> None:
        # Not in a forked child: it has no keeper, and its parent's has seen to a drain for both.
        with quiet("stop.see_off"):
            if parts.journal.identity.role == "main":
                parts.delivery.see_off()

    def _write_end(self, parts: Parts, evidence: str) -> None:
        while self.endings and parts.journal.identity.role == "main":
            with quiet("end.callback"):
                self.endings.pop()(evidence)
        with quiet("end.instruments"):
            registry.leaving()
        registry.settle()
        if parts.hangs is not None:
            parts.hangs.close()
        with quiet("end.metrics"):
            parts.collect_metrics()
        with quiet("end.finish"):
            # After the last sums: what is read and written in here is none of the host's.
            if parts.journal.identity.role == "main":
                parts.finish()
        with quiet("end.session"):
            if parts.journal.identity.role == "main":
                parts.events.ended(parts.mono(), evidence)
        with quiet("end.journal"):
            parts.journal.close("exited", evidence)
        with quiet("end.failures"):
            parts.failures.ended(is_child=parts.journal.identity.role != "main")
