"""The recorder that the functions of this package write to: set by the runtime, None when nothing records.

Everything here is called from the host's code on the host's threads. With no recorder each function is a
no-op that imports nothing.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from clientobs._dataclass import dataclass
from clientobs._guarded import faults
from clientobs.record.outcomes import DEFAULT_RULES, OutcomeRules
from clientobs.record.shortage import RESERVE, keep_reserve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.config.model import PathPolicy
    from clientobs.pipeline.assembly import Voice
    from clientobs.pipeline.context import ContextNumbers
    from clientobs.pipeline.recent import Recent
    from clientobs.pipeline.spans import Redacts
    from clientobs.pipeline.tracer import Origin
    from clientobs.record.tools import Tools

__all__ = ["Recorder", "active", "install"]


def _never(_text: str) -> bool:
    return False


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
    paths: PathPolicy = "keep"
    """How much of a path may be recorded."""
    hide_path: Callable[[str], str] | None = None
    """Returns of a path what may be recorded; None where that is all."""
    add_distribution: Callable[..., None] | None = None
    """Writes counts by bucket as a histogram, see metrics.add_distribution."""
    add_sum: Callable[..., None] | None = None
    """Writes the increments of a counter, see metrics.add_sum."""
    recent: Recent | None = None
    """The last lines, errors and traces of this process, for a problem report."""
    attach: Callable[[str, bytes], str] | None = None
    """Keeps bytes as a file of that name in the run's folder, later; returns its path, "" where it is refused."""
    has_had_task: bool = False
    """Whether a task of a farm was begun: what the environment says is of the first one (tasks.py)."""
    outcomes: OutcomeRules = DEFAULT_RULES
    """Which exceptions are no failures."""
    keep_locals: bool = False
    """Whether local variables go with an exception."""
    may_read: Callable[[str], bool] = _never
    """Says whether a source file may be read for a traceback: not where that could wait for a server."""
    count_loss: Callable[..., object] = _never
    """Counts a record that was left out, by reason."""


_active: Recorder | None = globals().get("_active")
"""Kept where somebody reloads this module: scripts of DCCs reload all that there is."""


def active() -> Recorder | None:
    """Return the recorder, or None when clientobs is off or was never started."""
    return _active


def install(recorder: Recorder | None) -> None:
    """Make `recorder` the active one, or none."""
    global _active  # noqa: PLW0603  # the one slot; set by the runtime
    _active = recorder
    faults.lost = None if recorder is None else recorder.count_loss
    RESERVE.clear() if recorder is None else keep_reserve()
