"""Where a request goes: method, URL and server, told from the connection and the request line.

The request line stands in the connection's own buffer until the headers are sent: whoever put it there, and
through whichever subclass, these are the bytes that the server gets.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

__all__ = ["Target", "has_header", "target_of", "target_of_words"]

_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
_TELEMETRY: Final = ("/v1/traces", "/v1/logs", "/v1/metrics", "/v1development/profiles")
_MAX_HOST: Final = 255


class Target(NamedTuple):
    """What a request asks for."""

    method: str
    """As it was sent; `known` says whether it is one that HTTP knows."""
    url: str
    host: str
    port: int

    @property
    def known(self) -> bool:
        """Whether the method is one of those that are safe to name a span and a series by."""
        return self.method in _METHODS

    @property
    def is_telemetry(self) -> bool:
        """Whether this is somebody's export over OTLP: recording it would make more of it."""
        return self.method == "POST" and self.url.partition("?")[0].endswith(_TELEMETRY)


def target_of(connection: Any) -> Target | None:
    """Return where the request goes that stands in a connection's buffer; None where there is none."""
    buffer = getattr(connection, "_buffer", None)
    if not buffer or type(buffer) is not list:
        return None
    words = bytes(buffer[0]).decode("latin-1").split(" ", 2)
    return target_of_words(connection, words[0], words[1]) if len(words) > 1 else None


def target_of_words(connection: Any, method: str, path: str) -> Target:
    """Return where a connection sends a method and a path (or a whole URL, as proxies get it)."""
    port_of_scheme: int = getattr(connection, "default_port", 80)
    scheme = "https" if port_of_scheme == 443 else "http"  # noqa: PLR2004  # as IANA has it
    if "://" in path[:16]:
        with suppress(ValueError):  # a port or an address that is none: the connection's own will do
            whole = urlsplit(path)
            port = whole.port or (443 if whole.scheme == "https" else 80)
            return Target(method, path, (whole.hostname or "")[:_MAX_HOST], port)
    tunnel = getattr(connection, "_tunnel_host", None)
    host = str(tunnel or getattr(connection, "host", ""))[:_MAX_HOST]
    given: Any = getattr(connection, "_tunnel_port" if tunnel else "port", None)
    port = given if type(given) is int else port_of_scheme
    shown = f"[{host}]" if ":" in host else host
    if port != port_of_scheme:
        shown = f"{shown}:{port}"
    return Target(method, f"{scheme}://{shown}{path if path.startswith('/') else '/'}", host, port)


def has_header(connection: Any, name: bytes) -> bool:
    """Say whether the request in a connection's buffer has a header already; `name` in lower case."""
    return any(bytes(line[: len(name) + 1]).lower() == name + b":" for line in connection._buffer[1:])  # noqa: SLF001
