"""The text of a log record, made without running code of the host's where that can be helped.

`logger.info("saved %s", node)` asks `node` for its text when a handler formats the record. We ask once more only
where Python itself makes the text. For anything else we let the host's handlers go first, and take the text that
they have made (`record.message`); where none of them wanted it, the class's name stands for the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.record.plainly import SIMPLE, is_plain, stand_in
from clientobs.record.stacks import message_of

if TYPE_CHECKING:
    import logging

__all__ = ["BrokenArguments", "made_by_the_host", "quick_text", "shown", "text_with_stand_ins"]

_MAX_SHOWN: Final = 1_024
_MAX_ARGUMENTS: Final = 64


class BrokenArguments(str):
    """The text of a record whose arguments don't fit its format; the program's own handlers could only complain."""

    __slots__ = ()


def quick_text(record: logging.LogRecord) -> str | None:
    """Return the text of a record; None where an object of the host would have to be asked for it."""
    text, args = record.msg, record.args
    if type(text) is not str:
        if not is_plain(text):
            return None
        text = str(text)
    if not args:
        return text
    if type(args) is tuple:
        for each in args:
            if type(each) not in SIMPLE and not is_plain(each):
                return None
    elif not is_plain(args):
        return None
    return _formatted(text, args)


def made_by_the_host(record: logging.LogRecord) -> str | None:
    """Return the text that a formatter of the host has made of the record."""
    text = record.__dict__.get("message")
    return text if type(text) is str else None


def shown(value: object) -> Any:
    """Return what stands for a value: an exception's message, which is asked for wherever one is told of."""
    if issubclass(type(value), BaseException):
        return message_of(value)  # type: ignore[arg-type]  # an exception
    return stand_in(value)


def text_with_stand_ins(text: object, args: object) -> str:
    """Return the text of a record with the class's name for each object that is not Python's own."""
    plain = shown(text)
    whole = plain if type(plain) is str else str(plain)
    if not args:
        return whole
    if isinstance(args, tuple):
        return _formatted(whole, tuple(shown(each) for each in args[:_MAX_ARGUMENTS]))
    if type(args) is dict:
        return _formatted(whole, {key: shown(value) for key, value in args.items() if type(key) is str})
    return f"{whole} ({shown(args)})"


def _formatted(text: str, args: Any) -> str:
    try:
        return str(text % args)
    except Exception:  # noqa: BLE001  # arguments that don't fit are common; logging prints to stderr then
        return BrokenArguments(f"{text} (arguments: {_shown(args)})")


def _shown(args: Any) -> str:
    try:
        return repr(args)[:_MAX_SHOWN]
    except Exception as error:  # noqa: BLE001  # an integer of thousands of digits
        return type(error).__name__
