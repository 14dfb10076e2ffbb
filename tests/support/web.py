"""A web server of a test's own, on loopback, that answers and misbehaves as the path says.

    with WebServer() as web:
        urlopen(web.url("/status/500"))

Paths: `/status/N`, `/size/N` (N bytes, Content-Length), `/chunked/N` (N chunks of 5 bytes), `/until-close/N`,
`/short/N` (promises N bytes, sends half, hangs up), `/torn-chunk`, `/silent` (never answers), `/half-silent` (the
head, and never a body), `/hang-up`, `/garbage`, `/old` (HTTP/1.0), `/to/PATH` (redirects there), `/then/A/B/...`
(these statuses one after the other, `0` for silence), `/refuse-body` (answers 413 before the body is read),
`/api3/json` (the statuses of `turns`, one after the other, as a ShotGrid that is in trouble).
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["WebServer"]


class WebServer:
    """Runs while the context is open; `asked` holds (method, path, headers, body) of each request."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.turns: list[int] = []
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.web = self
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    web: WebServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: broken connections are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        name, _, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if name == "refuse-body":
            self._reply(413, b"too large")
            self.close_connection = True
            return
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.web.asked.append((self.command, self.path, headers, self._body(headers)))
        behaviour: Callable[[str], None] = getattr(self, "on_" + name.replace("-", "_"), self.on_size)
        behaviour(rest)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_FROBNICATE = answer  # noqa: N815  # its names

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", "0")))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def on_size(self, rest: str) -> None:
        self._reply(200, b"x" * (int(rest) if rest.isdigit() else 10))

    def on_status(self, rest: str) -> None:
        self._reply(int(rest), b"")

    def on_then(self, rest: str) -> None:
        turns = [int(each) for each in rest.split("/")]
        times = sum(1 for _, path, _, _ in self.server.web.asked if path == self.path)
        status = turns[min(times, len(turns)) - 1]
        if status:
            self._reply(status, b"as agreed")
        else:
            self.on_silent("")

    def on_api3(self, _rest: str) -> None:
        turns = self.server.web.turns
        status = turns.pop(0)
        if status:
            self._reply(status, b"as agreed")
        else:
            self.on_silent("")

    def on_to(self, rest: str) -> None:
        self._reply(302, b"elsewhere", location=f"/{rest}")

    def on_chunked(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n" * int(rest) + b"0\r\n\r\n")

    def on_torn_chunk(self, _rest: str) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\nff\r\nhel")
        self.close_connection = True

    def on_until_close(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * int(rest))
        self.close_connection = True

    def on_short(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("content-length", rest)
        self.end_headers()
        self.wfile.write(b"x" * (int(rest) // 2))
        self.close_connection = True

    def on_old(self, _rest: str) -> None:
        self.wfile.write(b"HTTP/1.0 200 Fine\r\n\r\nold")
        self.close_connection = True

    def on_garbage(self, _rest: str) -> None:
        self.wfile.write(b"what do you mean\r\n\r\n")
        self.close_connection = True

    def on_hang_up(self, _rest: str) -> None:
        self.close_connection = True

    def on_silent(self, _rest: str) -> None:
        self.server.web.closing.wait(60)
        self.close_connection = True

    def on_half_silent(self, _rest: str) -> None:
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"x" * 10)
        self.on_silent("")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""
