"""A connection that keeps one deadline: socket, proxy tunnel and TLS under one bound.

A socket's own timeout starts anew with each byte that arrives, so a server that drips its answer keeps a
request alive for ever. Here every wait, from connect to the last byte of the body, takes from one
`Deadline`. http.client drives the exchange and is only handed another socket to drive it on.
"""

from __future__ import annotations

import http
import http.client
import io
import select
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, Final

from clientobs.drain.otlp.endpoint import basic_credentials
from clientobs.errors import DeliveryError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = ["Connection", "Deadline", "tls_context"]

_SEND_PIECE: Final = 256 << 10


class Deadline:
    """A point on the monotonic clock that all steps of one request share."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left; raise TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this request is over")
        return left


class _BoundedSocket:
    """What http.client needs of a socket, each wait bounded by the deadline of the current request."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.sock = sock
        self.deadline = deadline
        self._readers = 0
        self._closed = False

    def sendall(self, data: bytes) -> None:
        """Send all of `data`, piece by piece: SSLSocket.sendall starts its timeout anew in between."""
        view = memoryview(data)
        for start in range(0, len(view), _SEND_PIECE):
            self.sock.settimeout(self.deadline.left())
            self.sock.sendall(view[start : start + _SEND_PIECE])

    def receive_into(self, buffer: Any) -> int:
        """Receive what is there into `buffer`, waiting at most until the deadline."""
        self.sock.settimeout(self.deadline.left())
        return self.sock.recv_into(buffer)

    def makefile(self, mode: str, *_: object) -> io.BufferedReader:
        """Return a reader; the socket stays open until it is closed too, as with real sockets."""
        if mode != "rb":
            raise ValueError(f"only reading is provided, not {mode!r}")
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def release(self) -> None:
        """Let go of one reader."""
        self._readers -= 1
        if self._closed and self._readers <= 0:
            self.sock.close()

    def close(self) -> None:
        """Close the socket once its readers are closed."""
        self._closed = True
        if self._readers <= 0:
            self.sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, bounded: _BoundedSocket) -> None:
        self._bounded = bounded

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._bounded.receive_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._bounded.release()


class Connection(http.client.HTTPConnection):
    """One kept-alive connection to an endpoint, directly or through a proxy.

    Set `deadline` before each request. `proxy` is the split URL of an HTTP proxy: for TLS endpoints a tunnel
    is asked for (the proxy sees no header of ours), plain ones are sent to it with their full URL.
    """

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, proxy: SplitResult | None = None
    ) -> None:
        super().__init__(host, port)
        self.deadline = Deadline(0)
        self._tls = tls
        self._proxy = proxy

    def connect(self) -> None:
        """Open the socket, the proxy's tunnel and TLS within the deadline."""
        target = (self.host, self.port)
        if self._proxy is not None:
            target = (self._proxy.hostname or "", self._proxy.port or 80)
        sock = _dial(target, self.deadline)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                if self._proxy is not None:
                    self._open_tunnel(sock, self._proxy)
                sock.settimeout(self.deadline.left())
                sock = self._tls.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.sock: Any = _BoundedSocket(sock, self.deadline)

    def usable(self) -> bool:
        """Say whether the open connection can be used again.

        Readable while idle means that it was closed, or that the server sent a 408 nobody asked for, which
        the next request would take for its answer.
        """
        if self.sock is None:
            return False
        try:
            readable, _, _ = select.select([self.sock.sock], [], [], 0)
        except (OSError, ValueError):
            return False
        return not readable

    def renew(self, deadline: Deadline) -> None:
        """Set the deadline of the next request."""
        self.deadline = deadline
        if self.sock is not None:
            self.sock.deadline = deadline

    def _open_tunnel(self, sock: socket.socket, proxy: SplitResult) -> None:
        name = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
        if credentials := basic_credentials(proxy):
            lines.append(f"Proxy-Authorization: {credentials}")
        bounded = _BoundedSocket(sock, self.deadline)
        bounded.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        response = http.client.HTTPResponse(bounded, method="CONNECT")  # type: ignore[arg-type]  # makefile is all it uses
        response.begin()
        if response.status != http.HTTPStatus.OK:
            raise OSError(f"the proxy {proxy.hostname} refused the tunnel: HTTP {response.status}")


def _dial(address: tuple[str, int], deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; the deadline bounds all attempts together."""
    last: OSError | None = None
    for family, kind, protocol, _, where in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.left())
            sock.connect(where)
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    raise last or OSError(f"{address[0]} has no address")


def tls_context(
    certificate: str | None, client_certificate: str | None, client_key: str | None
) -> ssl.SSLContext:
    """Return a verifying client context; raise DeliveryError naming the file that can't be used."""
    try:
        context = ssl.create_default_context(cafile=certificate)
    except (OSError, ssl.SSLError) as error:
        raise DeliveryError(f"certificate {certificate} cannot be used: {error}") from error
    if client_certificate:
        try:
            context.load_cert_chain(client_certificate, client_key, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise DeliveryError(f"client certificate {client_certificate} cannot be used: {error}") from error
    return context


def _no_password() -> str:
    """Refuse an encrypted key: OpenSSL would ask for the password on a terminal that nobody watches."""
    raise ValueError("the client key is encrypted; give one that is not, readable by this user alone")
