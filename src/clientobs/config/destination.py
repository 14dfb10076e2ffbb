"""The key of a destination: two tools with another endpoint or another token get a drain of their own.

The key names files, so it is a keyed hash: nobody without the home's secret can try tokens against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs._hashes import blake2b

if TYPE_CHECKING:
    from clientobs.config.model import DeliveryConfig, EndpointConfig

__all__ = ["destination_key"]

_SECRET_BYTES: Final = 64
"""BLAKE2b takes a key of at most 64 bytes."""


def destination_key(delivery: DeliveryConfig, secret: bytes) -> str:
    """Return 32 hex digits for where and as whom `delivery` sends, or "" where it sends nothing.

    How it sends (time-out, compression, age) is no part of it: one drain serves both.
    """
    if not delivery.configured:
        return ""
    parts: list[str] = []
    for endpoint in (delivery.traces, delivery.logs, delivery.metrics):
        parts += _endpoint_parts(endpoint)
    parts += [delivery.headers_file or "", str(len(delivery.headers_command)), *delivery.headers_command]
    # the length before each part: ("ab", "c") and ("a", "bc") must differ
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return _hash(b"".join(b"%d:%s" % (len(part), part) for part in encoded), secret)


def _endpoint_parts(endpoint: EndpointConfig | None) -> list[str]:
    if endpoint is None:
        return ["-"]
    paths = (endpoint.certificate, endpoint.client_key, endpoint.client_certificate)
    parts = [endpoint.url, endpoint.protocol, *(path or "" for path in paths), str(len(endpoint.headers))]
    for name, value in sorted(endpoint.headers):
        parts += [name, value]
    return parts


def _hash(content: bytes, secret: bytes) -> str:
    return blake2b(content, digest_size=16, key=secret[:_SECRET_BYTES], person=b"clientobs.dest").hexdigest()
