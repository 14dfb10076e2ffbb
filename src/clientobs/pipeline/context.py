"""The production context on its way into records: written once a segment, then a number.

A `Overlay` is what `clientobs.context(...)` puts into the OpenTelemetry context (so that it follows tasks and
whatever hands that context on to other threads); `ContextNumbers` merges it with what holds for the whole
process and with the tool that speaks, and asks the journal for the number of the result, once for each
combination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["EMPTY", "OVERLAY_KEY", "ContextNumbers", "Overlay", "Tool"]

OVERLAY_KEY: Final = "clientobs-production-context"


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A tool of the pipeline as `init()` named it; several may live in one interpreter."""

    name: str
    version: str | None = None

    def attributes(self) -> dict[str, Any]:
        """Return tool.name and, where known, tool.version."""
        named: dict[str, Any] = {semconv.TOOL_NAME: self.name}
        if self.version:
            named[semconv.TOOL_VERSION] = self.version
        return named


class Overlay:
    """Attributes that hold inside one `context(...)`, and the tool whose code is running."""

    __slots__ = ("_by_tool", "base", "number", "tool", "values")

    def __init__(self, values: Mapping[str, Any], tool: Tool | None) -> None:
        self.values = values
        self.tool = tool
        self.base: object = None
        self.number = 0
        self._by_tool: dict[Tool, Overlay] = {}

    def for_tool(self, tool: Tool) -> Overlay:
        """Return the same values under another tool; one object per tool, so that numbers are reused."""
        known = self._by_tool.get(tool)
        if known is None:
            known = self._by_tool[tool] = Overlay(self.values, tool)
        return known

    def with_values(self, values: Mapping[str, Any]) -> Overlay:
        """Return this overlay with `values` laid over it."""
        return Overlay({**self.values, **values}, self.tool)


EMPTY: Final = Overlay({}, None)


class ContextNumbers:
    """The number of the CONTEXT record for each overlay, under the process-wide values of now."""

    __slots__ = ("_base", "_default_tool", "_empty", "_number_of")

    def __init__(self, number_of: Callable[[str, dict[str, Any]], int], default_tool: Tool) -> None:
        self._number_of = number_of
        self._default_tool = default_tool
        self._base: dict[str, Any] = {}
        self._empty = Overlay({}, default_tool)

    @property
    def base(self) -> dict[str, Any]:
        """The attributes that hold for the whole process (session.id, set_context)."""
        return self._base

    def set_default_tool(self, tool: Tool) -> None:
        """Let `tool` speak where no other is named."""
        self._default_tool = tool
        self._empty = Overlay({}, tool)
        self.forget()

    def set_base(self, values: dict[str, Any]) -> None:
        """Replace the process-wide attributes; overlays get new numbers at their next use."""
        self._base = values

    def forget(self) -> None:
        """Ask for all numbers anew: the journal has given old ones up."""
        self._base = dict(self._base)

    def of(self, context: Mapping[str, Any]) -> int:
        """Return the number for an OpenTelemetry context. Hot path: two look-ups when nothing changed."""
        overlay: Overlay = context.get(OVERLAY_KEY) or self._empty
        return overlay.number if overlay.base is self._base else self._renumber(overlay)

    def values_of(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Return all attributes that hold in an OpenTelemetry context."""
        overlay = context.get(OVERLAY_KEY) or self._empty
        tool = overlay.tool or self._default_tool
        return {**self._base, **tool.attributes(), **overlay.values}

    def _renumber(self, overlay: Overlay) -> int:
        base = self._base
        tool = overlay.tool or self._default_tool
        overlay.number = self._number_of("production", {**base, **tool.attributes(), **overlay.values})
        overlay.base = base
        return overlay.number
