"""The inventory: every name that clientobs emits, with its purpose, whether it is personal, and how long to keep it.

Made from semconv.py alone. `clientobs privacy show` and docs/reference/attributes.md are printed from it, and
`unlisted` is what the tests hold against everything that was really emitted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clientobs.semconv import Origin, Personal, Sort

__all__ = ["RETENTION", "Entry", "entries", "find", "personal_first", "unlisted"]

RETENTION: Final[dict[Personal, str]] = {
    "yes": "30 days: as long as a failure is being looked into",
    "indirect": "90 days: as long as the show's releases are compared",
    "no": "as long as is useful",
}
"""What a studio is advised to set in its back end; clientobs itself keeps delivered records for 24 h at most."""

_ORDER: Final[dict[Personal, int]] = {"yes": 0, "indirect": 1, "no": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name. A name that ends in `*` stands for all that begin alike."""

    sort: Sort
    section: str
    name: str
    origin: Origin
    personal: Personal
    purpose: str
    unit: str = ""
    instrument: str = ""

    @property
    def retention(self) -> str:
        """How long a studio should keep it."""
        return RETENTION[self.personal]

    @property
    def is_family(self) -> bool:
        """Whether it stands for all names that begin alike."""
        return self.name.endswith("*")


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """Return all names in the order of semconv.py.

    >>> entries()[0].name
    'service.name'
    """
    fields = ("sort", "section", "name", "origin", "personal", "purpose", "unit", "instrument")
    return tuple(Entry(**dict(zip(fields, entry, strict=True))) for entry in semconv.ENTRIES)


def personal_first() -> tuple[Entry, ...]:
    """Return all names, those about a person first, then those that may name one in passing."""
    return tuple(sorted(entries(), key=lambda entry: _ORDER[entry.personal]))


def find(name: str, sort: Sort = "attribute") -> Entry | None:
    """Return the entry of a name, or of the family that it belongs to.

    >>> find("process.environment_variable.OCIO").personal
    'indirect'
    >>> find("invented.name") is None
    True
    """
    family = None
    for entry in entries():
        if entry.sort != sort:
            continue
        if entry.name == name:
            return entry
        if entry.is_family and name.startswith(entry.name[:-1]):
            family = entry
    return family


def unlisted(names: Iterable[str], sort: Sort = "attribute") -> list[str]:
    """Return which of the emitted names nobody has listed, sorted.

    >>> unlisted({"tool.name", "tool.title"})
    ['tool.title']
    """
    return sorted(name for name in set(names) if find(name, sort) is None)
