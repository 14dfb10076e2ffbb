"""The local variables of the frames that an exception came through: only when asked for, redacted and bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.record.fingerprints import Frame, is_own
from clientobs.record.plainly import stand_in

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from clientobs.pipeline.spans import Redacts

__all__ = ["variables_of"]

_MAX_WALK: Final = 20_000
_FRAMES: Final = 5
_VARIABLES: Final = 24
_MAX_TEXT: Final = 256


def variables_of(trace: TracebackType | None, redactor: Redacts) -> list[str]:
    """Return "file:line function: name = value" for the innermost frames of the program's own.

    Values of foreign classes are their class's name; names and values pass redaction as attributes do.
    """
    kept: list[tuple[FrameType, int]] = []
    for _ in range(_MAX_WALK):
        if trace is None:
            break
        code = trace.tb_frame.f_code
        if is_own(Frame(code.co_filename, code.co_name)):
            kept = [*kept[1 - _FRAMES :], (trace.tb_frame, trace.tb_lineno)]
        trace = trace.tb_next
    return [text for frame, line in kept for text in _variables(frame, line, redactor)]


def _variables(frame: FrameType, line: int, redactor: Redacts) -> list[str]:
    code = frame.f_code
    if code.co_name == "<module>":
        return []  # the module's globals are no locals
    wanted = list(frame.f_locals.items())[:_VARIABLES]
    found: dict[str, Any] = {
        name: stand_in(value)[:_MAX_TEXT] if type(value) is str else stand_in(value) for name, value in wanted
    }
    place = f"{code.co_filename}:{line} {code.co_name}"
    return [
        f"{place}: {name} = {_shown(value)}" for name, value in redactor.attributes(found, _VARIABLES).items()
    ]


def _shown(value: object) -> str:
    try:
        text = repr(value)  # redacted by now: nothing but Python's own types
    except ValueError:  # an integer of thousands of digits
        text = "<int>"
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."
