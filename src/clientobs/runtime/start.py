"""Build a Runtime from the arguments of `init()`: each part in turn, with what it needs handed in."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs import _fork, semconv
from clientobs._clock import Clock
from clientobs._guarded import faults, quiet
from clientobs._ids import ids
from clientobs._libc import make_room_high
from clientobs._loss import LossLedger
from clientobs._version import __version__
from clientobs.config import environment, surroundings
from clientobs.config.destination import destination_key
from clientobs.config.resolve import Resolved, resolve
from clientobs.errors import JournalError
from clientobs.farms.variables import OTHER, read_facts
from clientobs.guard.exits import ExitWatch
from clientobs.hosts import presence
from clientobs.instruments import registry
from clientobs.journal.writer import Journal, RunIdentity
from clientobs.paths.mounts import MountTable
from clientobs.pipeline import otel
from clientobs.pipeline.context import Tool
from clientobs.privacy.pseudonym import installation_id, maker, user_attributes
from clientobs.privacy.redaction import Redactor
from clientobs.record import recorder as _recorder
from clientobs.record.outcomes import OutcomeRules
from clientobs.record.tools import Tools
from clientobs.runtime import origin, path_policy
from clientobs.runtime.attachments import Attachments
from clientobs.runtime.chores import chores_of, drain_chore
from clientobs.runtime.delivery import Delivery
from clientobs.runtime.environment import SessionEnvironment
from clientobs.runtime.failures import Failures
from clientobs.runtime.hangs import hangs_for
from clientobs.runtime.home import place_of, told
from clientobs.runtime.keeper import Keeper
from clientobs.runtime.runtime import Parts, Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.runtime.home import Place

__all__ = ["start"]

_ENDING: Final = 0.02
"""Seconds that our own thread gets to end with the interpreter; idle, it needs less than one thousandth of one.
Where a thread is left in a subinterpreter (a sitecustomize runs in each), Python aborts the process."""


def start(arguments: Mapping[str, Any], package: str) -> Runtime:
    """Return a running Runtime, or an idle one with its reason. Raises ConfigError for a wrong argument."""
    environ = environment.current()
    resolved = resolve(arguments, environ=environ, strict=False)
    switch = environment.disabled_by(environ)
    if switch or resolved.config.disabled:
        return _idle(resolved, f"switched off by {switch or resolved.source('disabled').where}")
    try:
        otel.load([problem.key for problem in resolved.problems if problem.key.startswith("OTEL_")])
    except otel.OtelUnusable as error:
        return _idle(resolved, str(error))
    mounts = MountTable.of_this_machine()
    try:
        place = place_of(resolved.config, environ, mounts)
    except JournalError as error:
        return _idle(resolved, str(error))
    builder = _Builder(resolved, place, environ, mounts)
    try:
        return builder.build(package)
    except BaseException:
        builder.abandon()
        raise


def _idle(resolved: Resolved, reason: str) -> Runtime:
    return Runtime.idle(reason, resolved.config, dict(resolved.sources), resolved.problems)


class _Builder:
    """Holds what the steps of the building hand on to each other."""

    def __init__(
        self, resolved: Resolved, place: Place, environ: Mapping[str, str], mounts: MountTable
    ) -> None:
        self.resolved = resolved
        self.mounts = mounts
        self.place = place
        self.config = place.config
        self.home = place.home
        self.environ = environ
        self.loss = LossLedger()
        self.clock = Clock()
        self.run = ids.hex_id()
        self.session = ids.hex_id()
        self.redactor = Redactor(
            self.config.privacy, self.config.limits, self.loss, pseudonym=maker(self.home.secret)
        )
        self.tool = Tool(self.config.service.name, self.config.service.version)
        self.tools = Tools(self.tool)
        destination = destination_key(self.config.delivery, self.home.secret)
        self.delivery = Delivery(
            config=self.config,
            home=self.home,
            destination=destination,
            environ=environ,
            exit_flush=surroundings.exit_flush(self.config.drain, surroundings.find_container(environ)),
            is_network=mounts.is_network,
        )
        self.keeper = Keeper()

    def build(self, package: str) -> Runtime:
        """Build, install and start all parts."""
        from clientobs.pipeline.assembly import Pipeline  # noqa: PLC0415  # needs the loaded SDK
        from clientobs.record.exceptions import event_attributes  # noqa: PLC0415  # as `exceptions` below

        self._see_to_a_drain()
        self.tools.register(package, self.tool)
        resource = self._resource()
        journal = self._journal(resource)
        incoming = origin.incoming_of(self.environ, self.home.path, self.config.traces.propagators)
        host = presence.host_of_this_process()
        kind, _ = surroundings.session_kind(
            self.environ, has_terminal=origin.has_terminal(), host_is_batch=host.is_batch if host else None
        )
        kind = self.config.session_kind or kind
        farm = self._farm(kind)
        descent = origin.descent_of(
            incoming,
            kind=kind,
            farm=farm,
            interactive_host=host is not None and host.is_batch is False,
            launched=origin.launched_directly(incoming, self.environ) and not (host and host.is_batch),
        )
        pipeline = Pipeline(
            self.config,
            journal=journal,
            redactor=self.redactor,
            clock=self.clock,
            loss=self.loss,
            tool=self.tool,
            resource=resource,
            describe=event_attributes,
        )
        origin.place(pipeline.origin, incoming, descent)
        pipeline.contexts.set_base(self._base(origin.production_of(incoming, descent), farm))
        parts = self._parts(pipeline, journal, kind)
        runtime = self._runtime(parts)
        runtime.endings.append(lambda _evidence: pipeline.tell_storms())
        self._install(runtime, parts, pipeline)
        with quiet("session.start"):
            parts.events.started(self.config.service.name, self.config.service.version, _host(host))
            parts.events.problems(self.resolved.problems)
            if self.place.in_memory:
                parts.events.in_memory(self.home.path, told(self.place.refused))
            if parts.failures.tripped:
                parts.events.crash_loop(parts.failures.deaths)
        parts.failures.watch(parts.journal)
        self._keep(parts)
        return runtime

    def abandon(self) -> None:
        """Take back what was begun, where the building has failed."""
        self.keeper.stop()
        for callback in (self.keeper.pause, self.keeper.resume):
            _fork.forget(callback)

    def _see_to_a_drain(self) -> None:
        """Begin with what takes longest and needs nothing else: a short program would wait for it at its end."""
        self.delivery.load()
        with quiet("descriptors"):  # before the first thread of ours
            make_room_high()
        _fork.around(self.keeper.pause, self.keeper.resume)
        self.keeper.take_on([drain_chore(self.delivery)])
        self.keeper.start()

    def _resource(self) -> dict[str, Any]:
        from opentelemetry.sdk.version import __version__ as sdk_version  # noqa: PLC0415

        from clientobs.pipeline.resource import resource_attributes  # noqa: PLC0415

        return self.redactor.attributes(
            resource_attributes(
                self.config.service,
                instance=self.run,
                installation=installation_id(self.home.secret),
                sdk_version=sdk_version,
            )
        )

    def _journal(self, resource: dict[str, Any]) -> Journal:
        identity = RunIdentity(
            run=self.run,
            session=self.session,
            destination=self.delivery.destination,
            version=__version__,
            resource=resource,
        )
        return Journal(self.home, identity, config=self.config.journal, clock=self.clock, loss=self.loss)

    def _farm(self, kind: str) -> dict[str, Any]:
        """Return what the farm says of this process, redacted as the carriers of this job's other processes are."""
        facts = read_facts(self.environ) if kind == "farm" else None
        if facts is None:
            return {semconv.FARM_NAME: OTHER} if kind == "farm" else {}
        return self.redactor.attributes({**facts.job, **facts.task})

    def _base(self, production: Mapping[str, Any], farm: Mapping[str, Any]) -> dict[str, Any]:
        user = user_attributes(self.config.privacy.user, self.home.secret, self.environ)
        return {semconv.SESSION_ID: self.session, **user, **self.redactor.attributes(production), **farm}

    def _parts(self, pipeline: Any, journal: Journal, kind: str) -> Parts:
        from clientobs.runtime.session import SessionEvents  # noqa: PLC0415

        self.attachments = Attachments(lambda: journal.path)
        parts = Parts()
        parts.journal = journal
        parts.mono = self.clock.mono
        parts.delivery = self.delivery
        parts.recorder = _recorder.Recorder(
            voice=pipeline.voice,
            contexts=pipeline.contexts,
            tools=self.tools,
            redactor=self.redactor,
            origin=pipeline.origin,
            paths=self.config.files.paths,
            hide_path=path_policy.of(self.config, self.home),
            add_distribution=pipeline.add_distribution,
            add_sum=pipeline.add_sum,
            outcomes=OutcomeRules(
                cancelled=frozenset(self.config.outcomes.cancelled),
                rejected=frozenset(self.config.outcomes.rejected),
            ),
            keep_locals=self.config.exceptions.locals,
            may_read=lambda path: not self.mounts.is_network(path),
            count_loss=self.loss.add,
            recent=pipeline.recent,
            attach=self.attachments.put,
        )
        parts.events = SessionEvents(voice=pipeline.voice, started_mono=self.clock.mono(), kind=kind)
        service, program = self.config.service.name, sys.executable or ""
        parts.failures = Failures(self.home, service, program, self.environ)

        def collect() -> None:
            registry.tick()
            pipeline.collect_metrics()

        parts.collect_metrics = collect
        parts.finish = self.attachments.write  # until there is an environment to tell
        parts.keeper = self.keeper
        parts.hangs = hangs_for(
            self.config,
            kind,
            journal=journal,
            redactor=self.redactor,
            keeper=lambda: parts.keeper,
            production=lambda: pipeline.contexts.base,
        )
        return parts

    def _keep(self, parts: Parts) -> None:
        """Give the keeper its work, and the end of the session what the keeper may have had no time for."""
        environment, attachments = self._environment(parts), self.attachments

        def finish() -> None:
            attachments.write()
            environment.finish()

        parts.finish = finish
        parts.keeper.take_on(chores_of(parts, self.clock, self.config.journal, environment, attachments))

    def _environment(self, parts: Parts) -> SessionEnvironment:
        return SessionEnvironment(
            environ=self.environ,
            policy=self.config.privacy,
            redactor=self.redactor,
            events=parts.events,
            folder=os.path.join(self.home.path, "environments"),
            is_network=self.mounts.is_network,
        )

    def _runtime(self, parts: Parts) -> Runtime:
        return Runtime(
            config=self.config,
            sources=dict(self.resolved.sources),
            problems=self.resolved.problems,
            loss=self.loss,
            home=self.home.path,
            run=self.run,
            session=self.session,
            parts=parts,
        )

    def _install(self, runtime: Runtime, parts: Parts, pipeline: Any) -> None:
        from clientobs.record import exceptions  # noqa: PLC0415
        from clientobs.record import span as record_span  # noqa: PLC0415

        record_span.bind()
        exceptions.forget()
        pipeline.place()
        may_patch = not parts.failures.begin(self.run)
        parts.exits = ExitWatch(lambda kind, detail: runtime.leave(f"{kind} {detail}"), runtime.stayed)
        if may_patch and self.config.profile != "minimal":
            parts.exits.install()
        at_exit = _AtExit(runtime)
        atexit.register(at_exit)
        in_child = _InChild(self, parts, pipeline)
        _fork.in_child(in_child)
        parts.journal.in_child.describe = _describe_child
        parts.journal.in_child.begin = parts.keeper.start_anew
        parts.journal.in_child.end = runtime.leave
        _recorder.install(parts.recorder)
        if may_patch:
            if parts.hangs is not None and self.config.profile != "minimal":  # that looks into no import
                parts.hangs.follow_qt()
            self._instrument()

        def undo() -> None:
            registry.uninstrument()
            if parts.exits is not None:
                parts.exits.uninstall()

        def release() -> None:
            _recorder.install(None)
            atexit.unregister(at_exit)
            for callback in (in_child, parts.keeper.pause, parts.keeper.resume):
                _fork.forget(callback)
            pipeline.release()

        parts.undo, parts.release = undo, release

    def _instrument(self) -> None:
        """Switch on what the configuration names, or the profile's own set."""
        registry.work_for(
            registry.Surroundings(
                config=self.config,
                home=self.home.path,
                mounts=self.mounts,
                pseudonym=maker(self.home.secret),
                now=self.clock.now,
                count_loss=self.loss.add,
            )
        )
        wanted = self.config.instruments
        profile = registry.PROFILES[self.config.profile]
        names = profile if wanted is None else [name for name in wanted if name in registry.INSTRUMENTS]
        if names:
            registry.instrument(*names)


class _AtExit:
    """What atexit calls: the runtime's end."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def __call__(self) -> None:
        with quiet("atexit"):
            self._runtime.stop(
                "atexit", patience=_ENDING, late=True
            )  # hooks that were registered before run after


class _InChild:
    """What a forked child does first: forget the parent's, draw new ids, open a run of its own when it records."""

    def __init__(self, builder: _Builder, parts: Parts, pipeline: Any) -> None:
        self._builder = builder
        self._parts = parts
        self._pipeline = pipeline

    def __call__(self) -> None:
        ids.reseed()
        faults.reset()
        self._builder.loss.reset()
        self._parts.delivery.after_fork_in_child(is_safe=self._parts.keeper.at_rest)
        self._parts.failures.after_fork_in_child(self._parts.journal)
        if self._parts.hangs is not None:
            self._parts.hangs.after_fork_in_child()
        self._parts.journal.after_fork_in_child()
        self._pipeline.after_fork_in_child()
        registry.after_fork_in_child()


def _describe_child(run: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    return {**resource, semconv.SERVICE_INSTANCE_ID: run, semconv.PROCESS_PID: os.getpid()}


def _host(found: presence.Presence | None) -> dict[str, Any]:
    if found is None:
        return {}
    mode = {} if found.is_batch is None else {semconv.DCC_MODE: "batch" if found.is_batch else "gui"}
    return {semconv.DCC_NAME: found.name, **mode}
