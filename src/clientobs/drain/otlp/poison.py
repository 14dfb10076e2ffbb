"""The shelf for records that no endpoint wants: bounded, readable by any OTLP tool, counted.

A record that is refused alone, or that cannot be encoded, must not hold up those behind it. It is kept as the
request that was refused (`<uid>.<signal>.pb`, to be sent again by hand with curl --data-binary) beside the
endpoint's words (`<uid>.<signal>.txt`). The oldest are thrown away beyond 100 records or 8 MiB.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from clientobs.config.model import Signal

__all__ = ["PoisonShelf"]

_MAX_RECORDS: Final = 100
_MAX_BYTES: Final = 8 << 20
_ODD: Final = re.compile(r"[^A-Za-z0-9.-]")


class PoisonShelf:
    """A bounded folder of refused records; it is made, 0700, when the first one comes.

    A record is named by its uid, so that setting it aside twice (a crash before the acknowledgement) keeps
    one copy.
    """

    def __init__(self, folder: str, *, max_records: int = _MAX_RECORDS, max_bytes: int = _MAX_BYTES) -> None:
        self.folder = folder
        self._max_records = max_records
        self._max_bytes = max_bytes

    def set_aside(self, uid: str, signal: Signal, request: bytes, words: str) -> None:
        """Keep one record. A full or read-only disk costs this copy, never the delivery of others."""
        with quiet("drain.poison"):
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            name = os.path.join(self.folder, f"{_ODD.sub('_', uid)}.{signal}")
            if len(request) <= self._max_bytes:
                _write(f"{name}.pb", request)
            _write(f"{name}.txt", words.encode("utf-8", "backslashreplace") + b"\n")
            self._trim()

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.folder) as found:
                return sorted(found, key=lambda entry: (entry.stat().st_mtime_ns, entry.name))
        except FileNotFoundError:
            return []

    def _trim(self) -> None:
        entries = self._entries()
        size = sum(entry.stat().st_size for entry in entries)
        records = sum(entry.name.endswith(".txt") for entry in entries)
        for entry in entries:
            if size <= self._max_bytes and records <= self._max_records:
                return
            size -= entry.stat().st_size
            records -= entry.name.endswith(".txt")
            os.unlink(entry.path)


def _write(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
