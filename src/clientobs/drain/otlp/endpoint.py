"""Where to connect: an endpoint's URL, the credentials in it, and the proxy in between."""

from __future__ import annotations

import base64
import urllib.request
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from clientobs.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["basic_credentials", "find_proxy", "port_of", "split_endpoint", "without_user"]

_PORTS: Final = {"http": 80, "https": 443}


def split_endpoint(text: str) -> SplitResult:
    """Return the parts of an http:// or https:// URL; raise DeliveryError for anything else.

    >>> split_endpoint("https://otel.studio:4318/v1/logs").port
    4318
    """
    try:
        url = urlsplit(text)
        usable = url.scheme in _PORTS and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = text.rpartition("@")[2]  # what stands before an @ may be a password
        raise DeliveryError(f"the endpoint {shown!r} is no http:// or https:// URL; write scheme://host:port")
    return url


def port_of(url: SplitResult) -> int:
    """Return the port of a URL, or its scheme's own."""
    return url.port or _PORTS[url.scheme]


def without_user(url: SplitResult) -> str:
    """Return host and port of a URL as it has them, without user and password."""
    return url.netloc.rpartition("@")[2]


def basic_credentials(url: SplitResult) -> str | None:
    """Return the value of a Basic (Proxy-)Authorization header for the user in `url`, or None."""
    if url.username is None:
        return None
    pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def find_proxy(url: SplitResult, proxies: Mapping[str, str] | None = None) -> SplitResult | None:
    """Return the proxy for `url`, or None; raise DeliveryError for one that can't be used.

    `proxies` is scheme -> URL, with "no" -> list of hosts. None: as urllib finds them, in the environment
    or in the system's settings.

    >>> find_proxy(urlsplit("http://otel.studio/v1/logs"), {"http": "http://proxy:3128"}).port
    3128
    """
    known = dict(urllib.request.getproxies() if proxies is None else proxies)
    address = known.get(url.scheme)
    if not address:
        return None
    host = without_user(url)
    if proxies is None:
        bypass = urllib.request.proxy_bypass(host)
    else:
        # A function of urllib that typeshed leaves out.
        bypass = urllib.request.proxy_bypass_environment(host, known)  # type: ignore[attr-defined]
    if bypass:
        return None
    try:
        proxy = urlsplit(address if "://" in address else f"http://{address}")
        usable = proxy.scheme == "http" and bool(proxy.hostname) and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = address.rpartition("@")[2]
        raise DeliveryError(
            f"the proxy {shown!r} for {url.scheme} endpoints can't be used: only http:// proxies are. "
            "Name one, or put the endpoint's host into no_proxy"
        )
    return proxy
