"""From which level on the records of a logger are taken: ours, beside the program's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Levels"]

_NUMBERS: Final = {
    "trace": 0,
    "debug": 10,
    "info": 20,
    "warning": 30,
    "error": 40,
    "critical": 50,
    "off": 1 << 30,
}
_OFF: Final = ("clientobs", "opentelemetry", "urllib3", "grpc")
"""What a record on its way out may be logged by: ours, the SDK's, and what its exporters stand on."""
_MOST: Final = 4_096


class Levels(dict[str, int]):
    """The level of each logger by name; a look-up is a plain dict's once a name is known.

    The longest dotted prefix that is configured counts.

    >>> levels = Levels("info", ["studio=debug", "studio.noisy=off"])
    >>> levels["studio.publish"], levels["studio.noisy.cache"], levels["studios"], levels["urllib3.connectionpool"]
    (10, 1073741824, 20, 1073741824)
    """

    def __init__(self, general: str, by_name: Iterable[str] = ()) -> None:
        super().__init__()
        self._general = _NUMBERS[general]
        self._configured = dict.fromkeys(_OFF, _NUMBERS["off"])
        for entry in by_name:
            name, _, level = entry.partition("=")
            self._configured[name.strip()] = _NUMBERS[level.strip().lower()]

    def __missing__(self, name: str) -> int:
        if not isinstance(name, str):  # a record that somebody made by hand
            return self._general
        level = self._level_of(name)
        if len(self) < _MOST:
            self[name] = level
        return level

    def _level_of(self, name: str) -> int:
        part = name
        while part:
            if part in self._configured:
                return self._configured[part]
            part = part.rpartition(".")[0]
        return self._configured.get("root", self._general) if name == "root" else self._general
