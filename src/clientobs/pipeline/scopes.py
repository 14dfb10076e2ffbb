"""Instrumentation scopes, written once a segment and then a number, as production contexts are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ScopeNumbers"]

_MAX_KNOWN: Final = 1024


class ScopeNumbers:
    """The number of the CONTEXT record for each instrumentation scope (SDK's InstrumentationScope)."""

    __slots__ = ("_known", "_number_of")

    def __init__(self, number_of: Callable[[str, dict[str, Any]], int]) -> None:
        self._number_of = number_of
        self._known: dict[int, tuple[Any, int]] = {}

    def of(self, scope: Any) -> int:
        """Return the number of a scope, 0 for none. Keyed by identity: hashing one costs a microsecond."""
        if scope is None:
            return 0
        known = self._known  # once: what another thread forgets meanwhile must not come back into the new one
        found = known.get(id(scope))
        if found is not None and found[0] is scope:  # the reference keeps the id from being used again
            return found[1]
        number = self._number_of("scope", _values(scope))
        if len(known) < _MAX_KNOWN:  # a library that makes a scope per call must not leak here
            known[id(scope)] = (scope, number)
        return number

    def forget(self) -> None:
        """Ask for all numbers anew: the journal has given old ones up."""
        self._known = {}


def _values(scope: Any) -> dict[str, Any]:
    return {
        "name": str(scope.name or ""),
        "version": str(scope.version or ""),
        "schema_url": str(scope.schema_url or ""),
        "attributes": dict(scope.attributes or {}),
    }
