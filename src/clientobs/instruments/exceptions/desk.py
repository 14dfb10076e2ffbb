"""What the hooks report to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clientobs._guarded import faults
from clientobs.instruments.exceptions import qt
from clientobs.record import recorder as _recorder
from clientobs.record.exceptions import report_exception, report_rejection
from clientobs.record.outcomes import outcome_of
from clientobs.record.sightings import sightings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.record.exceptions import Mechanism

__all__ = ["Desk"]


class Desk:
    """Reports exceptions, each once; nothing here raises."""

    def __init__(self) -> None:
        self._last = id(_last_printed())

    def report(
        self,
        error: object,
        mechanism: Mechanism,
        facts: Mapping[str, Any] | None = None,
        *,
        leaving: int | None = None,
    ) -> bool:
        """Report an exception that ends here; say whether it is to be let go of again by `done`."""
        try:
            recorder = _recorder.active()
            if recorder is None or not isinstance(error, BaseException):
                return False
            outcome = outcome_of(error, recorder.outcomes)
            if outcome == "rejected":
                report_rejection(recorder, error, mechanism, leaving=leaving)
            if outcome != "failed":
                return False
            known = sightings.find(error, leaving)
            report_exception(recorder, error, mechanism, facts=facts, leaving=leaving, parent=_current_span())
            if known is not None and known.headline:
                return False
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record(f"exceptions.{mechanism}", fault)
            return False
        return True

    def report_unseen(
        self, error: BaseException, facts: Mapping[str, Any], *, context: Any, headline: bool
    ) -> None:
        """Report what a task ended by and nobody asked for, where it happened; may raise."""
        recorder = _recorder.active()
        if recorder is None or sightings.find(error) is not None:
            return
        if outcome_of(error, recorder.outcomes) == "failed":
            report_exception(recorder, error, "future", context=context, facts=facts, headline=headline)
            self.done(error)

    def left_out(self) -> None:
        """Count one that comes too fast to be looked at."""
        recorder = _recorder.active()
        if recorder is not None:
            recorder.count_loss("exceptions")

    def uncaught(self, error: object, below: object) -> bool:
        """Report what came to sys.excepthook; `below` is the frame that it was called under, if any."""
        sightings.drop(self._last)  # nobody keeps that one any more: another one may get its id
        self._last = id(error)
        facts: dict[str, Any] = {}
        try:
            facts = qt.facts_of(error, is_called=below is not None)
        except Exception as fault:  # noqa: BLE001  # the host's own objects
            faults.record("exceptions.qt", fault)
        if facts:
            return self.report(error, "qt", facts)
        return self.report(error, "main" if below is None else "callback")

    def done(self, error: BaseException) -> None:
        """Forget an exception that has ended: another one may get its id."""
        if id(error) != self._last:  # which the interpreter keeps as sys.last_value, until the next
            sightings.drop(id(error))

    def printed(self, error: object) -> None:
        """Write down an exception that the program shows and then drops, unless it was told already."""
        try:
            recorder = _recorder.active()
            if recorder is None or not isinstance(error, BaseException) or sightings.find(error) is not None:
                return
            if outcome_of(error, recorder.outcomes) == "failed":
                report_exception(recorder, error, "printed", headline=False)
        except Exception as fault:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("exceptions.printed", fault)

    def look(self) -> None:
        """Report what the interpreter has printed while somebody else's hook was in force."""
        error = _last_printed()
        if error is None or id(error) == self._last:
            return
        sightings.drop(self._last)
        self._last = id(error)
        self.report(error, "main")


def _current_span() -> int:
    from opentelemetry.trace import get_current_span  # noqa: PLC0415  # loaded with the SDK

    return get_current_span().get_span_context().span_id


def _last_printed() -> BaseException | None:
    """Return what the interpreter printed last: it sets this before it calls any hook."""
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) else None
