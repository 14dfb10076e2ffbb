"""An HTTP proxy on loopback: forwards plain requests and opens tunnels, and remembers what it was asked."""

from __future__ import annotations

import socket
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Proxy"]


class Proxy:
    """Runs while the context is open; `asked` holds (method, target, headers) of each request."""

    def __init__(self, *, refuse: int = 0) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.proxy = self  # type: ignore[attr-defined]
        self.refuse = refuse

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def with_user(self, user: str) -> str:
        return self.url.replace("//", f"//{user}@")

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _remember(self) -> Proxy:
        proxy: Proxy = self.server.proxy  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        proxy.asked.append((self.command, self.path, headers))
        return proxy

    def do_POST(self) -> None:
        self._remember()
        host, _, path = self.path.removeprefix("http://").partition("/")
        connection = HTTPConnection(host, timeout=10)
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {
            name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")
        }
        connection.request("POST", f"/{path}", body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        self.send_response(response.status)
        self.send_header("content-type", response.getheader("content-type", ""))
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_CONNECT(self) -> None:
        proxy = self._remember()
        if proxy.refuse:
            self.send_error(proxy.refuse)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as server:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_copy, args=(server, self.connection), daemon=True)
            back.start()
            _copy(self.connection, server)
            back.join(10)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one of the two hung up: the tunnel ends
