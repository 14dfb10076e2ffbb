"""Bytes and seconds as a person writes them in the file: `values.size` and `values.seconds` read them back."""

from __future__ import annotations

from typing import Final

__all__ = ["seconds_text", "size_text", "with_unit"]

_SIZES: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_TIMES: Final = (("d", 86_400), ("h", 3_600), ("min", 60))
_SECONDS: Final = ("_seconds", "max_age", "exit_flush", "timeout")


def with_unit(name: str, value: float) -> str:
    """Return the number of a setting with the unit that its name tells, exactly.

    >>> with_unit("journal.max_age", 2592000.0), with_unit("limits.text_length", 16384)
    ('30 d', '16384')
    """
    if name.endswith("_bytes"):
        return size_text(int(value))
    return seconds_text(value) if name.endswith(_SECONDS) else f"{value:.12g}"


def size_text(count: int) -> str:
    """Return bytes in the largest binary unit that divides them.

    >>> size_text(268435456), size_text(1000000)
    ('256 MiB', '1000000 B')
    """
    for unit, scale in _SIZES:
        if count and count % scale == 0:
            return f"{count // scale} {unit}"
    return f"{count} B"


def seconds_text(seconds: float) -> str:
    """Return seconds in the largest unit that they are at least two of, without a rest.

    >>> seconds_text(86400), seconds_text(90), seconds_text(0.5), seconds_text(0)
    ('24 h', '90 s', '500 ms', '0 s')
    """
    for unit, scale in _TIMES:
        if seconds >= 2 * scale and seconds % scale == 0:
            return f"{seconds / scale:.12g} {unit}"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.12g} ms"
    return f"{seconds:.12g} s"
