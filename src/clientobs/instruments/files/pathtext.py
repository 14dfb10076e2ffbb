"""A path as it is recorded: faithful, portable, and as private as the policy wants it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.record.undecodable import hex_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.config.model import PathPolicy
    from clientobs.paths.portable import Roots

__all__ = ["PathText", "asked_for", "text_of"]

_UNNAMED: Final = "(hidden)"


def text_of(path: Any) -> str:
    """Return a path as text as the file system functions read it; "" for what is none.

    >>> text_of(b"/mnt/a.exr"), text_of(3)
    ('/mnt/a.exr', '')
    """
    if isinstance(path, str):
        return str.__str__(path)  # the characters that the system reads, not what a subclass answers
    if isinstance(path, (bytes, os.PathLike)):
        return os.fsdecode(path)
    return ""


def asked_for(path: Any, known: Any) -> Any:
    """Return the path of an operation; of an object, what the system `known`s it as, if that is told.

    A PathLike of somebody else may do work when it is asked for its path: the operation has asked it already.
    """
    return path if known is None or isinstance(path, (str, bytes)) else known


class PathText:
    """Writes paths down by one policy: keep, portable, hash or drop."""

    __slots__ = ("_policy", "_pseudonym", "_roots")

    def __init__(self, policy: PathPolicy, roots: Roots, pseudonym: Callable[[str], str] | None) -> None:
        self._policy = policy
        self._roots = roots
        self._pseudonym = pseudonym

    def attributes(self, path: Any) -> dict[str, Any]:
        """Return file.path and its companions for a path as the program gave it."""
        text = text_of(path)
        if not text:
            return {}
        _, dot, extension = os.path.basename(text).rpartition(".")
        found: dict[str, Any] = {semconv.FILE_EXTENSION: extension} if dot and _ else {}
        if self._policy == "drop":
            return found
        portable = self._portable(text)
        if portable is not None:
            found[semconv.FILE_PATH_PORTABLE] = self._hidden(portable, "/")
        if self._policy == "portable":
            return found
        found[semconv.FILE_PATH] = self._hidden(text, os.sep)
        if self._policy == "keep" and not text.isprintable():
            raw = text if not isinstance(path, bytes) else path
            told = hex_of(raw) if not _decodes(raw) else None
            if told is not None:
                found[semconv.FILE_PATH_BYTES] = told
        return found

    def short(self, path: Any) -> str:
        """Return one text for a list: portable where a root holds the path, else as the policy has it."""
        text = text_of(path)
        if not text or self._policy == "drop":
            return _UNNAMED if text else ""
        portable = self._portable(text)
        if portable is not None:
            return self._hidden(portable, "/")
        return _UNNAMED if self._policy == "portable" else self._hidden(text, os.sep)

    def full(self, path: Any) -> str:
        """Return the path as the program wrote it, as far as the policy lets it."""
        text = text_of(path)
        return self._hidden(text, os.sep) if self._policy in ("keep", "hash") else self.short(path)

    def outside_roots(self, path: str) -> bool:
        """Say whether there are roots on this system and none of them holds an absolute path."""
        return self._roots.known and os.path.isabs(path) and self._roots.portable(path) is None

    def _portable(self, text: str) -> str | None:
        try:
            return self._roots.portable(os.path.abspath(text))
        except (OSError, ValueError):  # the current directory is gone; a NUL
            return None

    def _hidden(self, text: str, separator: str) -> str:
        if self._policy != "hash":
            return text
        folder, slash, name = text.rpartition(separator)
        stem, dot, extension = name.rpartition(".")
        stand_in = self._pseudonym(stem or name)[2:] if self._pseudonym is not None else _UNNAMED
        return f"{folder}{slash}{stand_in}{dot}{extension if dot else ''}"


def _decodes(raw: bytes | str) -> bool:
    try:
        raw.decode("utf-8") if isinstance(raw, bytes) else raw.encode("utf-8")
    except UnicodeError:
        return False
    return True
