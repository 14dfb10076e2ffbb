"""What went wrong with a request: told as it was, and handed on unchanged."""

from __future__ import annotations

import errno
import gc
import http.client
import socket
import ssl
import traceback
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import requests

import clientobs
from clientobs.instruments import http as instrument_package
from support.certificates import Authority
from support.proxy import Proxy
from support.web import WebServer

httplib2 = pytest.importorskip("httplib2", reason="comes with the dependency group `test`")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from instruments.http.conftest import Wire

OURS = str(instrument_package.__file__).rpartition("/")[0]


def ask(host: str, port: int, path: str = "/", **options: Any) -> bytes:
    connection = http.client.HTTPConnection(host, port, **options)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asking(library: str, url: str, timeout: float) -> Callable[[], object]:
    if library == "requests":
        return lambda: requests.get(url, timeout=timeout)
    if library == "httplib2":
        return lambda: ask_httplib2(url, timeout)
    return lambda: urllib.request.urlopen(url, timeout=timeout)


def ask_httplib2(url: str, timeout: float) -> object:
    client = httplib2.Http(timeout=timeout)
    try:
        return client.request(url)
    finally:
        client.close()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # httplib2 forgets what was refused
@pytest.mark.parametrize("library", ["requests", "httplib2", "urllib"])
@pytest.mark.parametrize(
    ("server", "kind"),
    [
        ("http://127.0.0.1:{free}", "ConnectionRefusedError"),
        ("https://127.0.0.1:{free}", "ConnectionRefusedError"),
        ("http://tracker.invalid", "socket.gaierror"),
        ("https://tracker.invalid", "socket.gaierror"),
        ("https://127.0.0.1:{web}", "ssl.SSLError"),
    ],
    ids=["refused", "refused tls", "no such name", "no such name tls", "no tls there"],
)
def test_a_request_without_a_connection_is_told_with_its_cause(
    wire: Wire, library: str, server: str, kind: str
) -> None:
    url = server.format(free=free_port(), web=wire.port) + "/api3/json"
    with pytest.raises(Exception, match=r".+"):
        asking(library, url, 10)()
    gc.collect()
    told = wire.requests()
    assert len(told) == 1
    (span,) = told
    assert span.name == "GET"
    assert span.status == 2
    assert span.attributes["error.type"] == kind
    assert span.attributes["url.full"] == url
    assert span.status_message
    assert "http.response.status_code" not in span.attributes


@pytest.mark.parametrize("library", ["requests", "httplib2", "urllib"])
def test_a_timeout_is_told_with_the_time_that_was_waited(wire: Wire, library: str) -> None:
    with pytest.raises(Exception, match=r"timed out"):
        asking(library, wire.url("/silent"), 0.2)()
    (span,) = wire.requests()
    assert span.attributes["error.type"] == "TimeoutError"
    assert span.end_ns - span.start_ns >= 200_000_000
    assert "timed out" in span.status_message


def test_a_certificate_that_is_not_trusted_is_told(wire: Wire, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.server_context(authority.sign("server"))
    with WebServer(tls=tls) as secure, pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(secure.url("/"), timeout=10)
    (span,) = wire.requests()
    assert span.attributes["error.type"] == "ssl.SSLCertVerificationError"
    assert "CERTIFICATE_VERIFY_FAILED" in span.status_message


def test_a_request_over_tls_says_what_the_handshake_took(wire: Wire, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.server_context(authority.sign("server"))
    trusting = ssl.create_default_context(cafile=authority.certificate)
    with WebServer(tls=tls) as secure:
        with urllib.request.urlopen(secure.url("/size/3"), timeout=10, context=trusting) as answer:
            assert answer.read() == b"xxx"
        with requests.Session() as session:
            assert session.get(secure.url("/size/4"), verify=authority.certificate).content == b"xxxx"
    first, second = wire.requests()
    for span in (first, second):
        assert span.attributes["url.full"].startswith("https://127.0.0.1:")
        assert 0 < span.attributes["http.connect.time"] * 1e9 < span.end_ns - span.start_ns


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/hang-up", "http.client.RemoteDisconnected"),
        ("/garbage", "http.client.BadStatusLine"),
        ("/short/1000", "http.client.IncompleteRead"),
        ("/torn-chunk", "http.client.IncompleteRead"),
    ],
)
def test_a_broken_answer_is_told(wire: Wire, path: str, kind: str) -> None:
    with pytest.raises(http.client.HTTPException):
        ask("127.0.0.1", wire.port, path)
    (span,) = wire.requests()
    assert (span.status, span.attributes["error.type"]) == (2, kind)


def test_a_body_that_is_too_short_is_told_where_http_client_keeps_silent(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", "/short/1000")
    answer = connection.getresponse()
    while answer.read(100):
        pass
    connection.close()
    (span,) = wire.requests()
    assert span.attributes["error.type"] == "http.client.IncompleteRead"
    assert span.attributes["http.response.body.size"] == 500


def test_a_timeout_within_a_body_is_told_with_the_status_before_it(wire: Wire) -> None:
    with pytest.raises(TimeoutError):
        ask("127.0.0.1", wire.port, "/half-silent", timeout=0.2)
    (span,) = wire.requests()
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["error.type"] == "TimeoutError"


def test_a_proxy_that_refuses_the_tunnel_is_told_with_the_server_that_was_meant(wire: Wire) -> None:
    with Proxy(refuse=407) as proxy:
        connection = http.client.HTTPSConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=10)
        connection.set_tunnel("tracker.studio.example", 443)
        with pytest.raises(OSError, match="407"):
            connection.request("GET", "/api3")
        connection.close()
    (span,) = wire.requests()
    assert span.attributes["url.full"] == "https://tracker.studio.example/api3"
    assert span.attributes["server.address"] == "tracker.studio.example"
    assert "407" in span.status_message


def test_what_goes_through_a_proxy_is_told_by_its_own_server(wire: Wire) -> None:
    with Proxy() as proxy:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
        with opener.open(wire.url("/size/3"), data=b"abc") as answer:
            assert answer.read() == b"xxx"
    told = [dict(span.attributes) for span in wire.requests()]
    # The proxy of this test is in this process, and asks the server on behalf of the first.
    assert [each["url.full"] for each in told] == [wire.url("/size/3")] * 2
    assert [each["server.port"] for each in told] == [wire.port] * 2


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ECONNRESET])
def test_an_answer_that_comes_before_the_body_is_sent_is_what_is_told(
    wire: Wire, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, sent = socket.socket.sendall, []

    def hang_up(self: socket.socket, data: bytes, *flags: int) -> None:
        sent.append(data)
        if data.endswith(b"x" * 100 + b"\r\n"):
            raise OSError(number, "the server hung up")
        send(self, data, *flags)

    monkeypatch.setattr(socket.socket, "sendall", hang_up)
    with requests.Session() as session:
        answer = session.post(wire.url("/refuse-body"), data=iter([b"x" * 1000]))
    monkeypatch.undo()
    assert answer.status_code == 413
    (span,) = wire.requests()
    assert span.attributes["http.response.status_code"] == 413
    assert span.attributes["error.type"] == "413"
    assert span.status_message == ""


def test_an_upload_that_breaks_off_is_told(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    send, sent = socket.socket.sendall, []

    def stall(self: socket.socket, data: bytes, *flags: int) -> None:
        sent.append(data)
        if len(sent) > 2:
            raise TimeoutError("timed out")
        send(self, data, *flags)

    monkeypatch.setattr(socket.socket, "sendall", stall)
    with requests.Session() as session, pytest.raises(requests.ConnectionError):
        session.post(wire.url("/size/1"), data=iter([b"x" * 1000] * 4))
    monkeypatch.undo()
    (span,) = wire.requests()
    assert span.attributes["error.type"] == "TimeoutError"
    assert 1000 < span.attributes["http.request.body.size"] < 1020


def test_a_class_made_later_that_connects_by_itself_is_seen(wire: Wire) -> None:
    port = free_port()
    kind = type("Late", (http.client.HTTPConnection,), {"connect": connect_by_hand})
    connection = kind("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        connection.connect()
    (span,) = wire.requests()
    assert span.attributes["url.full"] == f"http://127.0.0.1:{port}/"
    assert span.attributes["error.type"] == "ConnectionRefusedError"
    del connection, kind
    gc.collect()
    assert "Late" not in [each.__name__ for each in http.client.HTTPConnection.__subclasses__()]


def test_a_connection_made_before_the_instrument_is_seen(wire: Wire) -> None:
    clientobs.uninstrument("http")
    connection = Early("127.0.0.1", free_port())
    clientobs.instrument("http")
    with pytest.raises(ConnectionRefusedError):
        connection.connect()
    (span,) = wire.requests()
    assert span.attributes["error.type"] == "ConnectionRefusedError"


def connect_by_hand(self: Any) -> None:
    self.sock = socket.create_connection((self.host, self.port), 10)


class Early(http.client.HTTPConnection):
    """Connects by itself, as httplib2 and urllib3 do."""

    def connect(self) -> None:
        with clientobs.span("connecting"):
            connect_by_hand(self)


def test_a_connection_made_ahead_belongs_to_the_request_that_it_was_made_for(wire: Wire) -> None:
    connection = Early("127.0.0.1", wire.port)
    connection.connect()
    for _ in range(2):
        connection.request("GET", "/size/1")
        connection.getresponse().read()
    connection.close()
    found = wire.recorded()
    first, second = (span for span in found.spans if span.kind == 2)
    assert first.start_ns <= found.span("connecting").start_ns
    assert second.start_ns > first.end_ns
    assert "http.connect.time" not in second.attributes


def test_exceptions_pass_with_one_frame_of_ours_for_each_wrapper(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", free_port())
    with pytest.raises(ConnectionRefusedError) as caught:
        connection.request("GET", "/")
    frames = [each.name for each in traceback.extract_tb(caught.value.__traceback__) if OURS in each.filename]
    assert frames == ["endheaders", "send", "connect"]
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_no_exception_is_kept_alive(wire: Wire) -> None:
    class NoPlateError(Exception):
        """Of this test alone."""

    class Body:
        """Fails when it is iterated over."""

        def __iter__(self) -> Any:
            raise NoPlateError("no such plate")

    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    body = Body()
    with pytest.raises(NoPlateError):
        connection.request("POST", "/size/1", body)
    connection.close()
    found = [each for each in gc.get_objects() if type(each) is NoPlateError]
    assert found == []
    (span,) = wire.requests()
    assert span.attributes["error.type"].endswith("NoPlateError")


def test_control_c_while_waiting_is_no_error(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: Any) -> None:
        raise KeyboardInterrupt

    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", "/silent")
    monkeypatch.setattr(socket.SocketIO, "readinto", interrupted)
    with pytest.raises(KeyboardInterrupt), clientobs.span("work"):
        connection.getresponse()
    monkeypatch.undo()
    connection.close()
    (span,) = wire.requests()
    assert span.status == 0
    assert span.attributes["tool.outcome"] == "cancelled"


def test_a_header_that_cannot_be_sent_is_no_request(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    with pytest.raises(ValueError, match="Invalid header"):
        connection.request("GET", "/", headers={"x": "a\nb"})
    connection.close()
    assert wire.requests() == []
