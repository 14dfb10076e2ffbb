"""The words of the watch: what it is told, what it measures, and what speaks for a hang."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, NamedTuple, TypeAlias

from clientobs._dataclass import dataclass

__all__ = ["Case", "Heard", "OpenSpan", "Reason", "Silence"]

Reason: TypeAlias = Literal["interface", "computing", "file", "deadlock", "stalled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSpan:
    """A span that is open on the main thread; `values` is what a note may tell of it."""

    key: object
    name: str
    work: str
    values: dict[str, Any]


@dataclass(slots=True)
class Silence:
    """One stretch without an answer."""

    since: int
    samples: int = 0
    sampled_at: int = 0
    others_at: int = 0
    others: dict[str, Any] = field(default_factory=dict)
    hung: bool = False


class Heard(NamedTuple):
    """Since when there is silence, and how long it may last, in nanoseconds."""

    since: int
    threshold: int


class Case(NamedTuple):
    """What speaks for a hang. `needs_waits`: only if threads wait for each other."""

    reason: Reason
    since: int
    threshold: int
    needs_waits: bool = False
