"""What becomes of a record of `logging`: left out, or written, once.

Nothing here raises, and nothing is entered from within itself more than a few times: a `__del__`, a signal handler or
an exception's `__str__` may log in the middle of our own work.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs import semconv
from clientobs._guarded import faults
from clientobs.instruments.logs.attributes import attributes_of, severity_of
from clientobs.instruments.logs.rendering import (
    BrokenArguments,
    made_by_the_host,
    quick_text,
    text_with_stand_ins,
)
from clientobs.instruments.showing import showing
from clientobs.record import recorder as _recorder
from clientobs.record.exceptions import exception_attributes, fault_of
from clientobs.record.rates import FIRST_LEFT_OUT, Rates

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from clientobs.instruments.logs.foreign import ForeignHandlers
    from clientobs.instruments.logs.levels import Levels
    from clientobs.record.exceptions import Mechanism
    from clientobs.record.recorder import Recorder

__all__ = ["AFTERWARDS", "DONE", "Desk", "Here", "Site"]

Site: TypeAlias = tuple[str, int, int, str]
"""File, line, level, logger: where a record comes from."""

DONE: Final = 0
AFTERWARDS: Final = 1
_DEEPEST: Final = 3
_ERROR: Final = 40
_SUPPRESSED: Final = "suppress_instrumentation"
"""OpenTelemetry's own word in the context: set while an exporter is at work."""


class Here(threading.local):
    """What a thread remembers."""

    depth = 0
    """How often this thread is in here."""


class Desk:
    """See the module's docstring."""

    def __init__(
        self,
        *,
        levels: Levels,
        per_minute: int,
        foreign: ForeignHandlers,
        count_loss: Callable[..., object],
        get_current: Callable[[], Any],
    ) -> None:
        self.levels = levels
        self.rates = Rates(per_minute)
        self.here = Here()
        self._foreign = foreign
        self._count_loss = count_loss
        self._get_current = get_current
        self._counted = 0

    def take(self, logger: logging.Logger, record: logging.LogRecord) -> int:
        """Write a record, or leave it out; AFTERWARDS asks to be called again when the host is done with it."""
        try:
            if record.levelno < self.levels[record.name]:
                return DONE
            if showing.depth > _DEEPEST:  # handlers that log, whose handlers log: the program's own recursion
                self._count_loss("log-nested")
                return DONE
            key = (record.pathname, record.lineno, record.levelno, record.name)
            before = self.rates.admit(key)
            if before < 0:
                if before == FIRST_LEFT_OUT:
                    self._remember(key, record.msg)
                return DONE
            recorder = _recorder._active  # noqa: SLF001  # a function call is a tenth of a microsecond here
            if recorder is None or self._foreign.will_take(logger, recorder):
                return DONE
            text = quick_text(record)
            if text is None:
                record.__dict__.pop("message", None)  # of a record that is handled a second time
                return AFTERWARDS
            self.write(recorder, record, text, before)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("logs.take", error)
        return DONE

    def take_afterwards(self, record: logging.LogRecord, text: object, args: object) -> None:
        """Write a record that the host's handlers have seen; `text` and `args` are what it began with."""
        try:
            recorder = _recorder.active()
            if recorder is not None:
                made = made_by_the_host(record)
                self.write(recorder, record, made or text_with_stand_ins(text, args), 0)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("logs.afterwards", error)

    def write(self, recorder: Recorder, record: logging.LogRecord, text: str, before: int) -> None:
        """Write a record under the current span."""
        here = self.here
        if here.depth >= _DEEPEST:
            self._count_loss("log-nested")
            return
        here.depth += 1
        try:
            context = self._get_current()
            if context.get(_SUPPRESSED):
                return
            number, name = severity_of(record.levelno)
            attributes = attributes_of(record)
            if record.exc_info or record.levelno >= _ERROR:
                self._add_exception(recorder, record, attributes)
            if before:
                attributes[semconv.LEFT_OUT] = before
            if type(text) is BrokenArguments:
                attributes[semconv.LOG_ARGUMENTS_BROKEN] = True
            recorder.voice.lines.write(
                record.name,
                timestamp=round(record.created * 1e6) * 1000,  # a float holds no more
                context=context,
                severity=number,
                severity_text=name,
                body=text,
                attributes=attributes,
            )
        finally:
            here.depth -= 1

    def tell_left_out(self, *, all_of_them: bool = False) -> None:
        """Write down how many records were left out, of lines of code that have fallen silent since."""
        self.count_left_out()
        for note, count in self.rates.overdue(all_of_them=all_of_them):
            (file, line, level, name), text = note
            attributes = {
                semconv.LEFT_OUT: count,
                semconv.CODE_FILE_PATH: file,
                semconv.CODE_LINE_NUMBER: line,
            }
            body = f"{count} more like this were left out: {text}"
            self.line(name, *severity_of(level), body, attributes, event_name=semconv.STORM)

    def line(
        self,
        name: str,
        severity: Any,
        severity_text: str,
        body: str,
        attributes: dict[str, Any],
        event_name: str | None = None,
    ) -> None:
        """Write a line that is no record of `logging`."""
        recorder = _recorder.active()
        here = self.here
        if recorder is None or here.depth >= _DEEPEST:
            return
        here.depth += 1
        try:
            recorder.voice.lines.write(
                name,
                timestamp=None,
                context=self._get_current(),
                severity=severity,
                severity_text=severity_text,
                body=body,
                attributes=attributes,
                event_name=event_name,
            )
        finally:
            here.depth -= 1

    def admit(self, key: Site, text: object) -> int:
        """Return a number below 0 for a line that comes too fast, else how many were left out before it."""
        before = self.rates.admit(key)
        if before == FIRST_LEFT_OUT:
            self._remember(key, text)
        return before

    def count_left_out(self) -> None:
        """Add to the ledger what was left out since the last time: not each time, which is a lock each."""
        total = self.rates.left_out
        new, self._counted = total - self._counted, total
        if new > 0:
            self._count_loss("log-storm", new)

    def forget(self) -> None:
        """Begin anew, in a forked child."""
        self.rates.forget()
        self._counted = 0
        self.here = Here()

    def _remember(self, key: Site, text: object) -> None:
        """Keep what the first line that is left out says, for when their number is told."""
        self.rates.remember(key, (key, text[:200] if type(text) is str else f"<{type(text).__name__}>"))

    def _add_exception(
        self, recorder: Recorder, record: logging.LogRecord, attributes: dict[str, Any]
    ) -> None:
        """Add what was logged as exc_info=, or what is being handled where an error is logged without."""
        given = record.exc_info
        error = given[1] if type(given) is tuple and len(given) > 1 else sys.exc_info()[1]
        if not isinstance(error, BaseException):
            return
        mechanism: Mechanism = "log" if given else "handling"
        fault = fault_of(error, may_be_again=False)
        found = exception_attributes(recorder, error, mechanism, fault=fault)
        for key, value in found.items():
            if given or not key.startswith("code."):
                attributes.setdefault(key, value)
