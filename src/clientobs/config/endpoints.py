"""URLs of OTLP endpoints: what the specification makes of them, and the login taken out of sight.

A login in the URL (https://user:word@host) becomes an authorization header, so that the URL itself may be
shown and stored. Only `config` sees it as it was given.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs.config.problems import Unacceptable

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from clientobs.config.model import Signal

__all__ = ["Address", "grpc_address", "http_address"]

_HTTP_SAID: Final = "an http:// or https:// URL with a host, e.g. http://collector:4318"
_GRPC_SAID: Final = "host:port or an http:// or https:// URL with a host, e.g. http://collector:4317"


class Address(NamedTuple):
    """Where to send."""

    url: str
    """Without login."""
    secure: bool
    login: str | None = None
    """Value of an authorization header."""


def http_address(given: str, signal: Signal | None) -> Address:
    """Return the address of an OTLP/HTTP endpoint; raises Unacceptable.

    `signal` is given where `given` is the base of all signals: its path is appended. A signal's own endpoint
    is used as it stands, with the root path where it has none.

    >>> http_address("http://collector:4318/otlp/", "logs").url
    'http://collector:4318/otlp/v1/logs'
    """
    parts = _split(given, _HTTP_SAID)
    path = f"{parts.path.rstrip('/')}/v1/{signal}" if signal else parts.path or "/"
    host = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=host, path=path, fragment="").geturl()
    return Address(url, parts.scheme == "https", _login(parts))


def grpc_address(given: str, *, insecure: bool) -> Address:
    """Return scheme://host:port of an OTLP/gRPC endpoint; raises Unacceptable.

    The scheme says whether TLS is used; only without one does `insecure`.

    >>> grpc_address("collector:4317", insecure=True)
    Address(url='http://collector:4317', secure=False, login=None)
    """
    if "://" not in given:
        given = f"{'http' if insecure else 'https'}://{given}"
    parts = _split(given, _GRPC_SAID)
    return Address(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.scheme == "https", _login(parts)
    )


def _split(given: str, said: str) -> SplitResult:
    from urllib.parse import urlsplit  # noqa: PLC0415  # 3 ms, and only where there is an endpoint

    if any(character.isspace() or not character.isprintable() for character in given):
        raise Unacceptable(said)
    try:
        parts = urlsplit(given)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Unacceptable(said)
    return parts


def _login(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    from urllib.parse import unquote  # noqa: PLC0415  # loaded by _split already

    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + binascii.b2a_base64(pair.encode("utf-8", "replace"), newline=False).decode("ascii")
