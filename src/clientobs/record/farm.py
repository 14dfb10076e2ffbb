"""`clientobs.farm_task`: one task of a farm job, in a trace of its own, linked to the submission.

A process is not a task. Deadline and the adaptors of OpenJD load an application once and then hand it one task after
the other, some of them twice. So a task begins and ends where the farm's own callbacks say, and for as long as
it is open everything that this process records belongs to its trace: on the thread that began it, and, as long
as it is the only one, on all threads that have no span of their own.

The environment of such a process is that of its first task (or of none). What it says of the task is used for the
first `farm_task` only, and only where nothing given contradicts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults, quiet
from clientobs.errors import ConfigError
from clientobs.pipeline.context import EMPTY, OVERLAY_KEY
from clientobs.record import recorder as _recorder
from clientobs.record import span as _span
from clientobs.record.carrier import read_incoming
from clientobs.record.leaving import fail, tell
from clientobs.record.tasks import tasks
from clientobs.record.unrecorded import UNRECORDED, UnrecordedSpan

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.trace import Span
    from typing_extensions import Self

    from clientobs.record.recorder import Recorder

__all__ = ["farm_attributes", "farm_task"]

_SPAN_NAME: Final = "farm task"
_FAILED: Final = "farm.task_failed"
"""error.type of a task that its farm called failed, with words and no exception."""
_NAMES: Final = {
    "farm": semconv.FARM_NAME,
    "layer": semconv.FARM_LAYER_NAME,
    "frame": semconv.FARM_FRAME_RANGE,
    "frames": semconv.FARM_FRAME_RANGE,
    "worker": semconv.FARM_WORKER_NAME,
    "user": semconv.FARM_JOB_USER,
    "job_id": semconv.FARM_JOB_ID,
    "job_name": semconv.FARM_JOB_NAME,
    "job_user": semconv.FARM_JOB_USER,
    "layer_name": semconv.FARM_LAYER_NAME,
    "frame_range": semconv.FARM_FRAME_RANGE,
    "task_id": semconv.FARM_TASK_ID,
    "session_id": semconv.FARM_SESSION_ID,
    "action_id": semconv.FARM_ACTION_ID,
    "worker_name": semconv.FARM_WORKER_NAME,
}
_PROPAGATORS: Final = ("tracecontext", "baggage")


def farm_attributes(farm: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments of `farm_task` under their attribute names; None values are left out.

    >>> farm_attributes({"farm": "deadline", "job_id": 7, "frame": 37, "attempt": 2, "chunk": "a", "pool": None})
    {'farm.name': 'deadline', 'farm.job.id': '7', 'farm.frame.range': '37', 'farm.attempt': 2, 'farm.chunk': 'a'}
    """
    found: dict[str, Any] = {}
    for key, value in farm.items():
        if value is None:
            continue
        name = _NAMES.get(key) or (key if "." in key else f"farm.{key}")
        # Ids that one farm has as numbers and another as text are text everywhere, else no back end finds both.
        is_id = name in _NAMES.values() and not isinstance(value, str)
        found[name] = str(value) if is_id else value
    return found


class farm_task:  # noqa: N801  # reads as a statement: `with clientobs.farm_task(frame=37):`
    """Mark one task of a farm job: around a block, or from `begin()` to `end()` where a farm has two callbacks.

    Names: farm, job_id, job_name, job_user, layer, task_id, frame (or frames, "1001-1010"), attempt, worker, pool,
    session_id, action_id; any other becomes farm.NAME, one with a dot stays as it is. What the farm's variables
    say of job and worker needs not be given. `carrier` is the submission's, where the environment of the process
    is not that of the job.

    The task is the root of a trace of its own, with a link to the submission. Without `attempt` the attempts at a
    task are counted in this process, and farm.attempt.counted says so. An object may be begun again once it has
    ended: that is the next attempt.

    >>> with farm_task(job_id="5f1c", layer="beauty", frame=37) as task:
    ...     task.set_attribute("render.samples", 64)
    >>> retried = farm_task(job_id="5f1c", layer="beauty", frame=38).begin()
    >>> retried.end("the licence server did not answer")
    """

    def __init__(self, *, carrier: Mapping[str, str] | None = None, **farm: Any) -> None:
        if carrier is not None and not isinstance(carrier, Mapping):
            raise ConfigError(
                f"farm_task(carrier=<{type(carrier).__name__}>) is no carrier; use what clientobs.carrier() returned,"
                " a mapping of names and texts, or None"
            )
        self._given = farm
        self._carrier = carrier
        self._recorder: Recorder | None = None
        self._span: Any = None
        self._context: Any = None
        self._outside: Any = None
        self._token: Any = None
        self.values: dict[str, Any] = {}
        """The farm.* attributes of the open task, redacted."""

    @property
    def span(self) -> Span | UnrecordedSpan:
        """The span of the open task, or one that ignores all calls."""
        return UNRECORDED if self._span is None else self._span

    @property
    def span_context(self) -> Any:
        """The ids of the open task's span, or None."""
        return None if self._span is None else self._span.get_span_context()

    def begin(self) -> Self:
        """Begin the task; one that is still open ends first. Never raises."""
        recorder = _recorder.active()
        if recorder is not None:
            try:
                self._finish(None)
                self._start(recorder)
                return self
            except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
                faults.record("farm_task.begin", error)
            except BaseException:  # Ctrl-C at this very moment: `with` will not call __exit__
                self._finish(None)
                raise
        return self

    def end(self, failure: BaseException | str | None = None) -> None:
        """End the task, from any thread: without `failure` it went well. Never raises."""
        try:
            self._finish(failure)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("farm_task.end", error)
        except BaseException:  # Ctrl-C at this very moment
            self._finish(None)
            raise

    def __enter__(self) -> Span | UnrecordedSpan:
        try:
            return self.begin().span
        except BaseException:  # Ctrl-C at this very moment: `with` will not call __exit__
            self.end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)

    def _start(self, recorder: Recorder) -> None:
        from opentelemetry.trace import INVALID_SPAN, Link  # noqa: PLC0415  # loaded with the SDK

        given = farm_attributes(self._given)
        values = {**tasks.environment_of_task(given, recorder), **given}
        counted = tasks.attempt(values)
        if counted is not None:
            values.update({semconv.FARM_ATTEMPT: counted, semconv.FARM_ATTEMPT_COUNTED: True})
        self.values = recorder.redactor.attributes(values)
        links = self._links(recorder)
        self._outside = _span._get_current()  # noqa: SLF001  # bound once for this package, see span.bind
        overlay = self._outside.get(OVERLAY_KEY, EMPTY).with_values(
            {**self._production(recorder), **self.values}
        )
        inside = {**self._outside, OVERLAY_KEY: overlay}
        # An invalid span as the parent: the SDK and our tracer both make a root of that, whatever the origin says.
        root = _span._Context({**inside, _span._SPAN_KEY: INVALID_SPAN})  # noqa: SLF001
        self._span = recorder.voice.tracer.start_span(
            _SPAN_NAME, root, links=[Link(to, {semconv.LINK_KIND: why}) for to, why in links]
        )
        self._recorder = recorder
        self._context = _span._Context({**inside, _span._SPAN_KEY: self._span})  # noqa: SLF001
        self._token = _span._attach(self._context)  # noqa: SLF001
        tasks.begun(self, recorder)

    def _links(self, recorder: Recorder) -> list[tuple[Any, str]]:
        if self._carrier is None:
            return tasks.submission(recorder)
        incoming = read_incoming(self._carrier, _PROPAGATORS)
        submission = incoming.span_context()
        return [(submission, "submission")] if submission is not None else []

    def _production(self, recorder: Recorder) -> dict[str, Any]:
        """Return the production context that a carrier of its own brings."""
        if self._carrier is None:
            return {}
        production = read_incoming(self._carrier, _PROPAGATORS).production
        foreign = {key: value for key, value in production.items() if not key.startswith("farm.")}
        return recorder.redactor.attributes(foreign)

    def _finish(self, failure: BaseException | str | None) -> None:
        """End what is open; `_span` goes last, so that what is interrupted in here can be done again."""
        started = self._span
        if started is None:
            return
        recorder, context = self._recorder, self._context
        try:
            if recorder is not None:
                with quiet("farm_task.settle"):
                    tasks.ended(self, recorder)
                if failure is not None and started.is_recording():
                    _tell(recorder, started, failure, context)
        finally:
            if started.is_recording():
                started.end()
            self._leave()
            self._span = None

    def _leave(self) -> None:
        """Give the thread that began the task its context back, also where another one ends it."""
        context, outside = self._context, self._outside
        if context is not None:
            if _span._get_current() is context:  # noqa: SLF001
                if self._token is not None:
                    _span._detach(self._token)  # noqa: SLF001
                else:  # Ctrl-C as the task began: the token is lost
                    _span._attach(outside)  # noqa: SLF001
            # Begun here and ended on another thread, or in another asyncio task: that context is still current
            # there, and what runs there next would be below an ended task. It is our own object, so it becomes
            # what was there before (its class forbids item assignment, not the methods of a dict).
            dict.clear(context)
            dict.update(context, outside)
        self._recorder = self._context = self._outside = self._token = None


def _tell(recorder: Recorder, started: Any, failure: BaseException | str, context: Any) -> None:
    if isinstance(failure, BaseException):
        tell(recorder, started, failure, context)
    else:
        fail(started, _FAILED, recorder.redactor.text(str(failure)))
