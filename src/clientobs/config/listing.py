"""Every setting with its value and source, as text without credentials: for `config show` and `doctor`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clientobs.config.options import OPTIONS, SETTINGS, SIGNALS
from clientobs.config.units import with_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.config.model import DeliveryConfig, EndpointConfig
    from clientobs.config.problems import Source
    from clientobs.config.resolve import Resolved

__all__ = ["Row", "rows"]

_PLACES = {"session.kind": "session_kind", "instruments.enabled": "instruments"}
_FIELDS = {"endpoint": "url"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting."""

    key: str
    value: str
    """Plain text, for scripts; "" where unset. Header values and queries of URLs are `***`."""
    shown: str
    """The same for people: bytes and seconds have their unit."""
    source: Source


def rows(resolved: Resolved) -> tuple[Row, ...]:
    """Return all settings in the order of the reference page."""
    return tuple(
        Row(key=key, value=_text(value), shown=_for_people(key, value), source=resolved.source(key))
        for key, value in _values(resolved)
    )


def _values(resolved: Resolved) -> Iterator[tuple[str, object]]:
    config = resolved.config
    for key in OPTIONS:
        section, _, name = key.rpartition(".")
        if not key.startswith("delivery."):
            holder = getattr(config, section) if section and key not in _PLACES else config
            yield key, getattr(holder, _PLACES.get(key, name))
    for name, value in config.service.attributes:
        yield f"resource.{name}", value
    for root in config.roots:
        places = (("linux", root.linux), ("windows", root.windows), ("macos", root.macos))
        yield f"roots.{root.name}", ", ".join(f"{name} {value}" for name, value in places if value)
    for number, entry in enumerate(config.log_files):
        yield f"log_files.{number}", f"{entry.name}: {', '.join(entry.globs(sys.platform))}"
    yield from _delivery(config.delivery)


def _delivery(delivery: DeliveryConfig) -> Iterator[tuple[str, object]]:
    yield "delivery.headers_file", delivery.headers_file or ""
    # arguments of the command may be credentials, its name is none
    yield (
        "delivery.headers_command",
        " ".join((*delivery.headers_command[:1], *("***",) * bool(delivery.headers_command[1:]))),
    )
    yield "delivery.metrics_max_age", delivery.metrics_max_age
    for signal in SIGNALS:
        endpoint: EndpointConfig | None = getattr(delivery, signal)
        if endpoint is None:
            yield f"delivery.{signal}.endpoint", ""
            continue
        for name in SETTINGS:
            value = getattr(endpoint, _FIELDS.get(name, name))
            yield f"delivery.{signal}.{name}", _shown(name, value)


def _shown(name: str, value: object) -> object:
    if name == "endpoint":
        url, question, _ = str(value).partition("?")
        return f"{url}?***" if question else url
    if name == "headers" and isinstance(value, tuple):
        return ", ".join(f"{header}=***" for header, _ in value)
    return value


def _for_people(key: str, value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return with_unit(key, value)
    return _text(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)
