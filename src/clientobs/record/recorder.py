"""The recorder that the functions of this package write to: set by the runtime, None when nothing records.

Everything here is called from the host's code on the host's threads. With no recorder each function is a
no-op that imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.pipeline.assembly import Voice
    from clientobs.pipeline.context import ContextNumbers
    from clientobs.pipeline.recent import Recent
    from clientobs.pipeline.spans import Redacts
    from clientobs.pipeline.tracer import Origin
    from clientobs.record.tools import Tools

__all__ = ["Recorder", "active", "install"]


@dataclass(slots=True, kw_only=True)
class Recorder:
    """The parts that recording needs.

    `voice` holds the tracer, logger and meter of now: the application may set providers of its own at any time
    (pipeline/providers.py).
    """

    voice: Voice
    contexts: ContextNumbers
    tools: Tools
    redactor: Redacts
    origin: Origin
    session: Mapping[str, Any] = field(default_factory=dict)
    add_distribution: Callable[..., None] | None = None
    """Writes counts by bucket as a histogram, see metrics.add_distribution."""
    recent: Recent | None = None
    """The last lines, errors and traces of this process, for a problem report."""
    attach: Callable[[str, bytes], str] | None = None
    """Keeps bytes as a file of that name in the run's folder, later; returns its path, "" where it is refused."""
    has_had_task: bool = False
    """Whether a task of a farm was begun: what the environment says is of the first one (tasks.py)."""


_active: Recorder | None = None


def active() -> Recorder | None:
    """Return the recorder, or None when clientobs is off or was never started."""
    return _active


def install(recorder: Recorder | None) -> None:
    """Make `recorder` the active one, or none."""
    global _active  # noqa: PLW0603  # the one slot; set by the runtime
    _active = recorder
