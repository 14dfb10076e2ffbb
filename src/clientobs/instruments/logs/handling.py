"""The patch of `logging.Logger.callHandlers`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from clientobs.instruments.logs.desk import AFTERWARDS
from clientobs.instruments.patching import dressed
from clientobs.instruments.showing import showing

if TYPE_CHECKING:
    from clientobs.instruments.logs.desk import Desk
    from clientobs.instruments.patching import Switch

__all__ = ["wrap_call_handlers"]

_NONE: Final = object()


def wrap_call_handlers(original: Any, switch: Switch, desk: Desk) -> Any:
    """Return the method with ours in front: ours first, so that what a handler does to a record isn't in it."""

    def callHandlers(self: Any, record: Any = _NONE) -> Any:  # noqa: N802  # the name that it has in logging
        if record is _NONE:
            return original(self)  # which says what is missing
        if not switch.on:
            return original(self, record)
        text, args = record.msg, record.args
        said = desk.take(self, record)
        showing.depth += 1
        try:
            return original(self, record)
        finally:
            showing.depth -= 1
            if said == AFTERWARDS:
                desk.take_afterwards(record, text, args)

    wrapper = dressed(callHandlers, original)
    _belong_to_logging(wrapper, original)
    return wrapper


def _belong_to_logging(wrapper: Any, original: Any) -> None:
    """Let our frame count as one of logging's own.

    Handlers that hand records on to another library (loguru's recipe, and Python's own findCaller) walk the stack up
    to the first frame whose file is not logging's: that frame must be the program's, not ours.
    """
    code = getattr(original, "__code__", None)
    if code is not None and getattr(code, "co_filename", None) == logging._srcfile:  # noqa: SLF001  # its own test
        wrapper.__code__ = wrapper.__code__.replace(
            co_filename=code.co_filename, co_firstlineno=code.co_firstlineno
        )
