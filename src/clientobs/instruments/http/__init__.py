"""HTTP: the requests that a program makes, whatever library it makes them with.

Patched, once the program has loaded `http.client`: `HTTPConnection.__init__`, `connect`, `endheaders`, `send` and
`getresponse`, `HTTPResponse.begin` and `_close_conn`, and `connect` of classes that bring their own (httplib2,
urllib3). That is the common floor: requests, urllib3, urllib, xmlrpc, httplib2, and the copies of them that hosts
and libraries bundle (shotgun_api3 brings httplib2 along) all stand on it. `http.client` is never imported by us.

Emitted: one client span for each request that goes out, from the connection made for it to the last byte of its
answer, by the semantic conventions for HTTP; a histogram of durations. A request that is sent again says which
attempt it is. Where an official OpenTelemetry instrumentation records the same request, ours keeps silent.

Costs: a span, and some microseconds; docs/explanation/http.md. Request and answer stay the program's: no body or
header is recorded, `traceparent` goes to hosts that the configuration lists, and nothing else is ever added.

Can't see: clients on sockets of their own (aiohttp, httpx, pycurl, QtNetwork, gRPC) and those in C++.
"""

from __future__ import annotations

from typing import Any

__all__ = ["HttpClientInstrumentor"]


def __getattr__(name: str) -> Any:
    if name == "HttpClientInstrumentor":
        # Its base class takes 90 ms to import: only who asks for it by this name pays.
        from clientobs.instruments.instrumentors import HttpClientInstrumentor  # noqa: PLC0415

        return HttpClientInstrumentor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
