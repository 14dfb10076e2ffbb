"""OTLP over HTTP with protobuf bodies: one request, one answer, nothing more.

No retries, no redirects (the headers hold credentials), no cookies. A connection is kept between requests;
headers from a file or a command are read when it is opened, and once more after a 401 or 403.
"""

from __future__ import annotations

import http
import http.client
import time
import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlunsplit

from clientobs._version import __version__
from clientobs.drain.otlp.answers import Answer, broken_connection, held, http_answer
from clientobs.drain.otlp.connection import Connection, Deadline, tls_context
from clientobs.drain.otlp.endpoint import (
    basic_credentials,
    find_proxy,
    port_of,
    split_endpoint,
    without_user,
)
from clientobs.drain.otlp.messages import refusal_words, success
from clientobs.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clientobs.config.model import Compression, EndpointConfig, Signal
    from clientobs.drain.otlp.headers import Headers, Pairs

__all__ = ["MAX_RESPONSE_BYTES", "HttpTransport"]

MAX_RESPONSE_BYTES: Final = 4 << 20
"""Bytes read of a response; the specification asks for a bound of 4 MiB."""

# Telemetry repeats itself: level 6 costs twice the time for 3% (benchmarks/drain.py).
_GZIP_LEVEL: Final = 1

_GZIP_FORMAT: Final = 31
_OURS: Final = frozenset({"content-type", "content-encoding", "content-length", "host", "transfer-encoding"})


class HttpTransport:
    """Posts requests of one signal to one URL (`Transport` of deliver.py)."""

    def __init__(
        self,
        endpoint: EndpointConfig,
        signal: Signal,
        headers: Headers,
        *,
        proxies: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._signal: Signal = signal
        self._headers = headers
        self._proxies = proxies
        self._now = now
        self._connection: Connection | None = None
        self._where = ""
        self._target = ""
        self._sent_headers: Pairs = ()

    def post(self, body: bytes) -> Answer:
        """Send one request; the answer is understood, and nothing is raised for what the network does."""
        body = _packed(body, self._endpoint.compression)
        deadline = Deadline(self._endpoint.timeout)
        try:
            answer = self._exchange(body, deadline)
            if answer.code in ("HTTP 401", "HTTP 403") and self._headers_changed():
                self.close()
                answer = self._exchange(body, deadline)
        except DeliveryError as error:
            self.close()
            return held(str(error))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return broken_connection(f"{self._where}: {_words_of(error)}")
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another, with headers read anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, body: bytes, deadline: Deadline) -> Answer:
        connection = self._connection
        if connection is not None and connection.usable():
            try:
                return self._request(connection, body, deadline)
            except (ConnectionError, http.client.RemoteDisconnected):
                pass  # the server closed the idle connection while this request was under way: once more
        self.close()
        return self._request(self._open(deadline), body, deadline)

    def _open(self, deadline: Deadline) -> Connection:
        """Prepare a connection; it is opened by the first request."""
        url = split_endpoint(self._endpoint.url)
        self._where = without_user(url)
        headers = self._headers.read()
        proxy = find_proxy(url, self._proxies)
        endpoint = self._endpoint
        tls = None
        if url.scheme == "https":
            tls = tls_context(endpoint.certificate, endpoint.client_certificate, endpoint.client_key)
        connection = Connection(url.hostname or "", port_of(url), tls=tls, proxy=proxy)
        connection.renew(deadline)
        path = urlunsplit(("", "", url.path or "/", url.query, ""))
        self._target = path
        extra = {"authorization": basic_credentials(url)}
        if proxy is not None and tls is None:
            self._target = f"http://{self._where}{path}"
            extra["proxy-authorization"] = basic_credentials(proxy)
        added = tuple((name, value) for name, value in extra.items() if value)
        self._sent_headers = (*added, *headers)
        self._connection = connection
        return connection

    def _headers_changed(self) -> bool:
        return self._headers.changeable and not set(self._headers.read()) <= set(self._sent_headers)

    def _request(self, connection: Connection, body: bytes, deadline: Deadline) -> Answer:
        connection.renew(deadline)
        headers = {"user-agent": f"clientobs/{__version__}", "content-type": "application/x-protobuf"}
        if self._endpoint.compression != "none":
            headers["content-encoding"] = self._endpoint.compression
        encoded = {name: value.encode("utf-8") for name, value in self._sent_headers if name not in _OURS}
        try:
            connection.request("POST", self._target, body=body, headers={**headers, **encoded})
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a large body answers and closes before it has read all of it.
            if connection.sock is None:
                raise
        return self._read(connection)

    def _read(self, connection: Connection) -> Answer:
        response = connection.getresponse()
        content = response.read(MAX_RESPONSE_BYTES + 1)
        if len(content) > MAX_RESPONSE_BYTES:
            content = b""
        elif response.length:  # read(n) takes a connection that ends early for the end of the body
            raise http.client.IncompleteRead(content, response.length)
        if not response.isclosed():
            self.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        kind = headers.get("content-type", "").lower()
        if response.status < http.HTTPStatus.MULTIPLE_CHOICES:
            rejected, words = success(self._signal, content, kind)
        else:
            rejected, words = 0, refusal_words(content, kind)
        return http_answer(response.status, headers, words, rejected, self._now())


def _packed(body: bytes, compression: Compression) -> bytes:
    if compression == "none":
        return body
    if compression == "deflate":  # of HTTP: the zlib format, RFC 9110 section 8.4.1.2
        return zlib.compress(body, _GZIP_LEVEL)
    # zlib's own header has no time in it: the same body gives the same bytes each time.
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    return packer.compress(body) + packer.flush()


def _words_of(error: Exception) -> str:
    return "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
