"""What a text could not be decoded or encoded from, and by what: the facts that the exception itself doesn't say.

`'utf-8' codec can't decode byte 0xb7 in position 9` names neither the path nor the locale of the machine on which
it happened. A short text on one line, which paths and names are, is recorded whole: escaped, and as bytes where the
redactor found nothing in it. Of anything longer (the content of a file) only what could not be decoded is.
"""

from __future__ import annotations

import os
import sys
from _locale import LC_CTYPE, setlocale  # the built-in part of `locale`, which takes 2 ms to import
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record import recorder

if TYPE_CHECKING:
    from clientobs.record.recorder import Recorder

__all__ = ["hex_of", "undecodable_facts"]

_MOST: Final = 1024
_MOST_OF_FAULT: Final = 16
_FIRST_PRINTABLE: Final = 0x20


def undecodable_facts(error: UnicodeError) -> dict[str, Any]:
    r"""Return encoding, position, text and locale of a UnicodeDecodeError or UnicodeEncodeError.

    >>> facts = undecodable_facts(UnicodeDecodeError("utf-8", b"/show/\xb7\xb9.ma", 6, 7, "invalid start byte"))
    >>> facts["text.encoding"], facts["text.position"], facts["text.escaped"], facts["text.bytes"]
    ('utf-8', 6, '/show/\\xb7\\xb9.ma', '2f73686f772fb7b92e6d61')
    """
    facts: dict[str, Any] = {
        semconv.TEXT_LOCALE: setlocale(LC_CTYPE),
        semconv.TEXT_FILESYSTEM_ENCODING: f"{sys.getfilesystemencoding()}/{sys.getfilesystemencodeerrors()}",
    }
    if not isinstance(error, (UnicodeDecodeError, UnicodeEncodeError)):
        return facts
    facts[semconv.TEXT_ENCODING] = error.encoding
    facts[semconv.TEXT_POSITION] = error.start
    kept = error.object if _may_be_kept(error.object) else _fault_of(error)
    facts[semconv.TEXT_ESCAPED] = _escaped(kept)
    raw = hex_of(kept)
    if raw is not None:
        facts[semconv.TEXT_BYTES] = raw
    return facts


def hex_of(text: bytes | str) -> str | None:
    """Return the bytes of a path or a name in hex; None where the redactor takes something out of its text.

    It would not see a secret in hex.
    """
    escaped, active = _escaped(text), recorder.active()
    if active is not None and active.redactor.text(escaped) != escaped:
        return None
    return (text if isinstance(text, bytes) else _encoded(text)).hex()


def _may_be_kept(text: bytes | str) -> bool:
    active: Recorder | None = recorder.active()
    if len(text) > _MOST or (active is not None and active.paths != "keep"):
        return False
    codes = text if isinstance(text, bytes) else map(ord, text)
    return all(code >= _FIRST_PRINTABLE for code in codes)


def _fault_of(error: UnicodeDecodeError | UnicodeEncodeError) -> bytes | str:
    return error.object[error.start : min(error.end, error.start + _MOST_OF_FAULT)]


def _escaped(text: bytes | str) -> str:
    """Return text in which what isn't is escaped, so that the very bytes can be told from it."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "backslashreplace")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _encoded(text: str) -> bytes:
    """Return the bytes that the system had for a text: undecodable ones travel as lone surrogates."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte, or a narrow file system encoding
        return text.encode("utf-8", "surrogatepass")
