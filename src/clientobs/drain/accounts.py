"""The books of one destination: what was delivered, what was lost and why, over all drains.

    produced = delivered + lost, by reason

Runs and senders count totals of their own; what is new in them since the last look is added here once. The
books are kept in one file beside the metrics' totals and what these have swallowed (`<home>/drain/
<destination>.books`), replaced as a whole: after a kill at any point, deltas are added to the totals from
before them, never twice.
"""

from __future__ import annotations

import marshal
import os
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import quiet
from clientobs.journal.format import encode_payload

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Accounts", "Books", "read_books", "replace_file", "write_books"]

_MAGIC: Final = b"CLOBBOOK\x01"
_MAX_BYTES: Final = 4 << 20


class Accounts:
    """Totals by reason and by signal.

    >>> accounts = Accounts()
    >>> accounts.take_losses("run-a", {"quota": 3}), accounts.take_losses("run-a", {"quota": 5})
    ({'quota': 3}, {'quota': 2})
    >>> accounts.lost
    {'quota': 5}
    """

    def __init__(self) -> None:
        self.lost: dict[str, int] = {}
        self.delivered: dict[str, int] = {}
        self.since_ns = time.time_ns()
        """When these books were opened."""
        self._seen: dict[str, dict[str, int]] = {}

    def take_losses(self, source: str, totals: Mapping[str, int]) -> dict[str, int]:
        """Add what a source has lost since the last look; return just that."""
        seen = self._seen.setdefault(source, {})
        fresh = {
            # A total that fell belongs to a source that started again at zero.
            reason: total - seen.get(reason, 0) if total >= seen.get(reason, 0) else total
            for reason, total in totals.items()
        }
        seen.update(totals)
        fresh = {reason: count for reason, count in fresh.items() if count}
        for reason, count in fresh.items():
            self.lost[reason] = self.lost.get(reason, 0) + count
        return fresh

    def add_delivered(self, signal: str, count: int) -> None:
        """Count records that the endpoint took."""
        self.delivered[signal] = self.delivered.get(signal, 0) + count

    def keep(self, sources: Collection[str]) -> None:
        """Forget what was seen of sources that no longer exist; their losses stay counted."""
        self._seen = {source: seen for source, seen in self._seen.items() if source in sources}

    def dump(self) -> list[Any]:
        """Return all as plain values."""
        seen = {source: dict(totals) for source, totals in self._seen.items()}
        return [self.since_ns, dict(self.lost), dict(self.delivered), seen]

    def load(self, state: list[Any]) -> None:
        """Go on from a `dump`."""
        self.since_ns, lost, delivered, seen = state
        self.lost, self.delivered = dict(lost), dict(delivered)
        self._seen = {source: dict(totals) for source, totals in seen.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What one drain leaves to the next.

    `marks` are acknowledgements (run, lane, number, rank, offset) of the deltas that the series hold, to be
    written again where a kill came before them.
    """

    accounts: list[Any] = field(default_factory=list)
    series: list[Any] = field(default_factory=list)
    marks: list[Any] = field(default_factory=list)
    processes: dict[str, Any] = field(default_factory=dict)
    """What of the processes' own counters is in the series, by run."""


def write_books(path: str, books: Books) -> None:
    """Replace the books as a whole. A full disk leaves the old ones, and the fault is counted."""
    body = encode_payload([books.accounts, books.series, books.marks, books.processes])
    with quiet("drain.books"):
        replace_file(path, _MAGIC + zlib.crc32(body).to_bytes(4, "little") + body)


def read_books(path: str) -> Books:
    """Return the books, empty ones where there are none or they are damaged."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
        head, body = data[: len(_MAGIC) + 4], data[len(_MAGIC) + 4 :]
        if head != _MAGIC + zlib.crc32(body).to_bytes(4, "little"):
            return Books()
        fields = marshal.loads(body)  # noqa: S302  # own file, own user, checksum held
        # Fields are only ever appended: an older drain's books have fewer, a newer one's more.
        return Books(**dict(zip(("accounts", "series", "marks", "processes"), fields, strict=False)))
    except (OSError, ValueError, TypeError, EOFError):
        return Books()


def replace_file(path: str, data: bytes) -> None:
    """Write a private file beside `path` and put it in its place at once."""
    draft = f"{path}.{os.getpid()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
        file.write(data)
    os.replace(draft, path)
