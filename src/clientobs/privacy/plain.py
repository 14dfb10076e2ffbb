"""Values of any type made plain: what a journal can hold and every OTLP encoder accepts.

Hosts hand over what they have: numpy numbers, vectors of Houdini, enums, paths, exceptions, containers that
hold themselves, objects whose __str__ raises. Each becomes str, bool, int, float, bytes, None, or a list or
str-keyed dict of these; nothing of the host is kept, called more than once, or able to raise through here.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import Any, Final

__all__ = ["INT_MAX", "INT_MIN", "as_text", "bounded_items", "clean_text", "length_of", "plain_scalar"]

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1
"""OTLP's integers have 64 bits; larger ones become text."""

_MAX_DIGITS: Final = 1024
_MAX_BITS: Final = 3000
"""int to str is quadratic, and refused above 4300 digits since CPython 3.10.7: larger ones become hex."""


def as_text(value: object) -> str:
    """Return str(value) as an exact str; a placeholder where that raises. Called once.

    >>> as_text(ValueError("no"))
    'no'
    """
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return _text_of_int(int.__pos__(value))
        text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        if isinstance(text, bytes):
            text = os.fsdecode(text)
        return str.__str__(text)
    except Exception:  # noqa: BLE001  # foreign code: whatever it raises, the record goes on
        return f"<unprintable {_type_name(value)}>"


def clean_text(text: str) -> str:
    r"""Escape what an encoder or a back end refuses: NUL, and lone surrogates (undecodable file names).

    >>> clean_text("plate_\udcff.exr")
    'plate_\\udcff.exr'
    """
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def plain_scalar(value: object) -> Any:
    """Return value as an exact bool, int, float, None or str (what is no number becomes text)."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = int.__pos__(value)
        return number if INT_MIN <= number <= INT_MAX else _text_of_int(number)
    if isinstance(value, float):
        return float.__pos__(value)
    if isinstance(value, str):
        return str.__str__(value)
    return _number_of_numpy(value)


def bounded_items(value: object, limit: int) -> list[tuple[Any, Any]]:
    """Return at most `limit` items of a mapping; what iterates badly yields what it yielded so far."""
    items: list[tuple[Any, Any]] = []
    try:
        # A copy of an exact dict is atomic: another thread may be changing the original.
        source = dict(value) if type(value) is dict else value
        for key, inner in islice(source.items(), limit):  # type: ignore[attr-defined]  # or it raises
            items.append((key, inner))  # what came before a fault is kept
    except Exception:  # noqa: BLE001  # foreign code: whatever it raises, the record goes on
        return items
    return items


def length_of(value: object) -> int:
    """Return len(value), 0 where that raises or is none (a generator)."""
    try:
        return len(value)  # type: ignore[arg-type]  # or it raises
    except Exception:  # noqa: BLE001  # foreign code: whatever it raises, the record goes on
        return 0


def _text_of_int(number: int) -> str:
    if number.bit_length() > _MAX_BITS:
        return hex(number)[:_MAX_DIGITS]
    return str(number)


def _number_of_numpy(value: object) -> Any:
    """Return a numpy scalar's number, told by its type's module so that no host object is called in vain."""
    try:
        if str(type(value).__module__).partition(".")[0] == "numpy" and not hasattr(value, "__len__"):
            number = value.item()  # type: ignore[attr-defined]  # every numpy scalar has it
            if type(number) in (bool, int, float):
                return plain_scalar(number)
    except Exception:  # noqa: BLE001  # foreign code: whatever it raises, the record goes on
        return as_text(value)
    return as_text(value)


def _type_name(value: object) -> str:
    try:
        return str(type(value).__name__)[:80]
    except Exception:  # noqa: BLE001  # a metaclass may refuse even this
        return "object"
