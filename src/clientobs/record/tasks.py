"""The tasks of a farm that are open in this process, and what the process was before them.

While one task is open, every thread without a span of its own records in its trace and under its attributes: a
DCC works on many threads, and a context variable holds on one. While several are open nobody can tell whose
such a thread is, so it records for the process, as before the first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from clientobs import _fork, semconv
from clientobs.config import environment
from clientobs.farms.variables import read_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.record.recorder import Recorder

__all__ = ["OpenTask", "Tasks", "tasks"]

_TASK_IDS: Final = (
    semconv.FARM_JOB_ID,
    semconv.FARM_LAYER_NAME,
    semconv.FARM_TASK_ID,
    semconv.FARM_FRAME_RANGE,
)
_MOST_COUNTED: Final = 4096


class OpenTask(Protocol):
    """What of a `farm_task` is used here: its attributes, redacted, and the ids of its span."""

    values: dict[str, Any]

    @property
    def span_context(self) -> Any:
        """The ids of its span."""


class Tasks:
    """The open tasks of this process, and what the process's own origin and context were before them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may begin a task while its thread does
        self._open: list[OpenTask] = []
        self._attempts: dict[tuple[str, ...], int] = {}
        self._recorder: Recorder | None = None
        self._before: tuple[Any, Any, str] = (None, None, "")
        self._shown: OpenTask | None = None
        self._shown_values: dict[str, Any] = {}
        self._hidden: dict[str, Any] = {}

    def begun(self, task: OpenTask, recorder: Recorder) -> None:
        """Count a task among the open ones."""
        with self._lock:
            if (
                recorder is not self._recorder
            ):  # a session ended with open tasks: those are told as interrupted
                self._open, self._shown = [], None
            self._recorder = recorder
            self._open.append(task)
            self._settle(recorder)

    def ended(self, task: OpenTask, recorder: Recorder) -> None:
        """Count it no longer."""
        with self._lock:
            self._open = [each for each in self._open if each is not task]
            if recorder is self._recorder:
                self._settle(recorder)
                if not self._open:
                    self._recorder = None  # keeps no session alive that is shut down

    def after_fork_in_child(self) -> None:
        """Take a lock of our own: the parent's may be held by a thread that doesn't exist here."""
        self._lock = threading.RLock()

    def environment_of_task(self, given: Mapping[str, Any], recorder: Recorder) -> dict[str, Any]:
        """Return what the environment says of this task, and take what it says of a task off the process."""
        facts = read_facts(environment.current())
        if facts is None:
            return {}
        of_task = recorder.redactor.attributes(facts.task)
        with self._lock:
            base = recorder.contexts.base
            if any(base.get(key) == value for key, value in of_task.items()):
                recorder.contexts.set_base({k: v for k, v in base.items() if of_task.get(k) != v})
            first, recorder.has_had_task = not recorder.has_had_task, True
        fits = all(given.get(key, value) == value for key, value in facts.task.items())
        return {**facts.job, **facts.task} if first and fits else facts.job

    def attempt(self, values: Mapping[str, Any]) -> int | None:
        """Count the attempts at what these attributes identify; None where the farm tells, or no task is identified."""
        if semconv.FARM_TASK_ID not in values and semconv.FARM_FRAME_RANGE not in values:
            return None
        key = tuple(str(values.get(name, "")) for name in _TASK_IDS)
        told = values.get(semconv.FARM_ATTEMPT)
        with self._lock:
            before = self._attempts.pop(key, 0)
            count = self._attempts[key] = told if isinstance(told, int) else before + 1
            if len(self._attempts) > _MOST_COUNTED:
                self._attempts.pop(next(iter(self._attempts)))
        return None if semconv.FARM_ATTEMPT in values else count

    def submission(self, recorder: Recorder) -> list[tuple[Any, str]]:
        """Return the span that this process was started under, and why that is to be linked to."""
        with self._lock:
            same = self._shown is not None and recorder is self._recorder
            origin = recorder.origin
            parent, link, why = self._before if same else (origin.parent, origin.link, origin.why)
        if link is not None:
            return [(link, why or "submission")]
        return [(parent, "process")] if parent is not None else []

    def _settle(self, recorder: Recorder) -> None:
        """Let all threads record under the one open task; where there are two, under the process as before."""
        shown = self._open[0] if len(self._open) == 1 else None
        if shown is self._shown:
            return
        if self._shown is not None:
            self._hide(recorder)
        self._shown = shown
        if shown is not None:
            self._show(recorder, shown)

    def _show(self, recorder: Recorder, task: OpenTask) -> None:
        origin, base = recorder.origin, recorder.contexts.base
        self._before = (origin.parent, origin.link, origin.why)
        self._hidden = {key: base[key] for key in task.values if key in base}
        self._shown_values = task.values
        origin.parent, origin.link = task.span_context, None
        recorder.contexts.set_base({**base, **task.values})

    def _hide(self, recorder: Recorder) -> None:
        origin = recorder.origin
        origin.parent, origin.link, origin.why = self._before
        values = self._shown_values
        kept = {key: value for key, value in recorder.contexts.base.items() if key not in values}
        recorder.contexts.set_base({**kept, **self._hidden})


tasks: Final = Tasks()
"""Those of this process. A module-level object, as the process is: attempts are counted across sessions."""
_fork.in_child(tasks.after_fork_in_child)
