"""What the span of a request says, whichever library made it."""

from __future__ import annotations

import http.client
import io
import threading
import urllib.request
import xmlrpc.client
from typing import TYPE_CHECKING, Any
from xmlrpc.server import SimpleXMLRPCServer

import pytest
import requests
import urllib3

import clientobs

httplib2 = pytest.importorskip("httplib2", reason="comes with the dependency group `test`")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from instruments.http.conftest import Wire


def asked_by_http_client(wire: Wire, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


def asked_by_urllib(wire: Wire, path: str) -> bytes:
    with urllib.request.urlopen(wire.url(path)) as answer:
        return bytes(answer.read())


def asked_by_requests(wire: Wire, path: str) -> bytes:
    with requests.Session() as session:
        return session.get(wire.url(path)).content


def asked_by_urllib3(wire: Wire, path: str) -> bytes:
    with urllib3.PoolManager() as pool:
        return pool.request("GET", wire.url(path)).data


def asked_by_httplib2(wire: Wire, path: str) -> bytes:
    client = httplib2.Http()
    try:
        return bytes(client.request(wire.url(path))[1])
    finally:
        client.close()


@pytest.mark.parametrize(
    "ask",
    [asked_by_http_client, asked_by_urllib, asked_by_requests, asked_by_urllib3, asked_by_httplib2],
)
def test_each_library_s_request_is_one_client_span_by_the_conventions(
    wire: Wire, ask: Callable[[Wire, str], bytes]
) -> None:
    with clientobs.span("work"):
        assert ask(wire, "/size/1000?page=2") == b"x" * 1000
    found = wire.recorded()
    (span,) = [one for one in found.spans if one.kind == 2]
    told = dict(span.attributes)
    assert span.name == "GET"
    assert span.parent_id == found.span("work").span_id
    assert span.status == 0
    assert (told.pop("http.connect.time") > 0, told.pop("http.wait.time") > 0) == (True, True)
    assert told.pop("http.response.size") > 1000
    assert told == {
        "http.request.method": "GET",
        "url.full": wire.url("/size/1000?page=2"),
        "server.address": "127.0.0.1",
        "server.port": wire.port,
        "network.peer.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "http.request.body.size": 0,
        "http.response.body.size": 1000,
    }


def test_an_xml_rpc_call_is_a_request(wire: Wire) -> None:
    with SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False) as server:
        server.register_function(lambda word: word.upper(), "shout")
        worker = threading.Thread(target=server.handle_request)
        worker.start()
        with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{server.server_address[1]}/RPC2") as proxy:
            assert proxy.shout("hello") == "HELLO"
        worker.join()
    span = wire.request()
    assert (span.name, span.attributes["http.response.status_code"]) == ("POST", 200)
    assert span.attributes["url.full"].endswith("/RPC2")


def test_a_span_lasts_until_the_last_byte_of_a_streamed_body(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    with clientobs.span("download"):
        connection.request("GET", "/size/3000000")
        answer = connection.getresponse()
        with clientobs.span("first part"):
            assert len(answer.read(1000)) == 1000
        while answer.read(65536):
            pass
    connection.close()
    found = wire.recorded()
    (span,) = [one for one in found.spans if one.kind == 2]
    assert span.end_ns > found.span("first part").end_ns
    assert span.attributes["http.response.body.size"] == 3_000_000


def test_what_is_given_up_ends_with_the_last_byte_that_arrived(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", "/size/30000000")
    answer = connection.getresponse()
    answer.read(100)
    with clientobs.span("thinking"):
        pass
    answer.close()
    connection.close()
    found = wire.recorded()
    (span,) = [one for one in found.spans if one.kind == 2]
    assert span.end_ns <= found.span("thinking").start_ns
    assert span.status == 0
    assert span.attributes["http.response.body.size"] == 100


@pytest.mark.parametrize(
    ("path", "size"),
    [("/chunked/3", None), ("/until-close/700", None), ("/old", None), ("/status/204", 0), ("/size/0", 0)],
)
def test_every_way_to_end_a_body_ends_the_span(wire: Wire, path: str, size: int | None) -> None:
    body = asked_by_http_client(wire, path)
    span = wire.request()
    assert span.status == 0
    assert span.attributes.get("http.response.body.size") == size
    assert span.attributes["http.response.size"] > len(body)
    assert span.attributes["network.protocol.version"] == ("1.0" if path == "/old" else "1.1")


def test_bytes_that_arrive_are_counted_without_a_content_length(wire: Wire) -> None:
    asked_by_http_client(wire, "/until-close/100000")
    head = wire.request().attributes["http.response.size"] - 100_000
    assert 50 < head < 500


def test_an_answer_to_head_is_over_with_its_head(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("HEAD", "/size/5000")
    answer = connection.getresponse()
    assert registry_open() == 0
    assert answer.getheader("content-length") == "5000"
    answer.close()
    connection.close()
    assert wire.request().name == "HEAD"


def registry_open() -> int:
    """Return how many requests are open."""
    from clientobs.instruments import registry  # noqa: PLC0415

    instrument: Any = registry.active()["http"]
    return len(instrument._desk._open - {one for one in instrument._desk._open if one.ended})


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b"abc", 3),
        ("täxt".encode(), 5),
        (io.BytesIO(b"x" * 20_000), 20_000 + 3 * 8 + 5),
        (io.StringIO("x" * 100), 100 + 6 + 5 - 0),
        (iter([b"ab", b"", b"cd"]), 4 + 2 * 5 + 5),
        (bytearray(b"1234"), 4),
    ],
    ids=["bytes", "utf-8", "file", "text file", "iterable", "bytearray"],
)
def test_bodies_of_all_kinds_are_sent_as_they_are_and_counted(wire: Wire, body: Any, sent: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("POST", "/size/1", body)
    connection.getresponse().read()
    connection.close()
    ((_, _, _, arrived),) = wire.web.asked
    told = wire.request().attributes["http.request.body.size"]
    # Chunks have a frame: their length in hexadecimal and two line ends each, and an end of five bytes.
    assert len(arrived) <= told <= len(arrived) + 64
    assert abs(told - sent) <= 4


def test_a_file_sent_as_body_is_read_once_and_counted(wire: Wire, tmp_path: Path) -> None:
    (tmp_path / "plate.exr").write_bytes(b"e" * 300_000)
    with open(tmp_path / "plate.exr", "rb") as file, requests.Session() as session:
        session.put(wire.url("/size/1"), data=file)
    assert wire.web.asked[0][3] == b"e" * 300_000
    assert wire.request().attributes["http.request.body.size"] == 300_000


def test_what_is_sent_after_the_headers_piece_by_piece_is_counted(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.putrequest("POST", "/size/1")
    connection.putheader("content-length", "6")
    connection.endheaders()
    connection.send(b"abc")
    connection.send(bytearray(b"def"))
    connection.getresponse().read()
    connection.close()
    assert wire.request().attributes["http.request.body.size"] == 6


def test_a_size_that_cannot_be_told_is_not_told(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.putrequest("POST", "/size/1")
    connection.putheader("content-length", "6")
    connection.endheaders()
    connection.send(io.BytesIO(b"abcdef"))
    connection.getresponse().read()
    connection.close()
    assert wire.web.asked[0][3] == b"abcdef"
    assert "http.request.body.size" not in wire.request().attributes


def test_a_kept_connection_is_made_once(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    for _ in range(3):
        connection.request("GET", "/size/5")
        connection.getresponse().read()
    connection.close()
    made = ["http.connect.time" in span.attributes for span in wire.requests()]
    assert made == [True, False, False]


def test_an_unknown_method_names_no_span_and_no_series(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("FROBNICATE", "/size/5")
    connection.getresponse().read()
    connection.close()
    span = wire.request()
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "FROBNICATE"


@pytest.mark.parametrize(("status", "outcome"), [(200, 0), (304, 0), (404, 2), (500, 2)])
def test_a_status_of_400_and_beyond_is_an_error_that_is_named_by_it(
    wire: Wire, status: int, outcome: int
) -> None:
    asked_by_http_client(wire, f"/status/{status}")
    span = wire.request()
    assert span.status == outcome
    assert span.attributes.get("error.type") == (str(status) if outcome else None)
    assert span.status_message == ""


def test_types_and_attributes_stay_the_program_s(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    before = set(vars(http.client.HTTPConnection("127.0.0.1")))
    connection.request("GET", "/size/5")
    answer = connection.getresponse()
    assert type(connection) is http.client.HTTPConnection
    assert type(answer) is http.client.HTTPResponse
    assert type(answer.fp) is io.BufferedReader
    assert answer.read() == b"xxxxx"
    assert {name for name in vars(connection) if not name.startswith("_clientobs")} == before
    assert not [name for name in vars(answer) if name.startswith("_clientobs")]
    connection.close()


class Own(http.client.HTTPConnection):
    """A studio's own connection."""

    seen: tuple[str, ...] = ()

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        self.seen += ("endheaders",)
        super().endheaders(*args, **kwargs)

    def getresponse(self) -> http.client.HTTPResponse:
        self.seen += ("getresponse",)
        return super().getresponse()

    def connect(self) -> None:
        self.seen += ("connect",)
        super().connect()


def test_subclasses_and_what_others_patched_are_called_as_ever(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = http.client.HTTPConnection.getresponse
    theirs: list[Any] = []

    def patched(self: Any) -> http.client.HTTPResponse:
        theirs.append(self)
        return ours(self)

    monkeypatch.setattr(http.client.HTTPConnection, "getresponse", patched)
    connection = Own("127.0.0.1", wire.port)
    connection.request("GET", "/size/5")
    assert connection.getresponse().read() == b"xxxxx"
    connection.close()
    assert connection.seen == ("endheaders", "connect", "getresponse")
    assert theirs == [connection]
    assert wire.request().attributes["http.connect.time"] > 0


def test_a_class_that_answers_in_its_own_way_ends_its_span_with_the_head(wire: Wire) -> None:
    class Answer:
        status = 299

        def __init__(self, *_args: Any, **_more: Any) -> None:
            self.will_close = True

        def begin(self) -> None:
            pass

    connection: Any = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.response_class = Answer
    connection.request("GET", "/size/5")
    assert type(connection.getresponse()) is Answer
    assert wire.request().attributes["http.response.status_code"] == 299


def test_an_interim_answer_is_not_the_answer(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("POST", "/size/5", b"abc", {"Expect": "100-continue"})
    assert connection.getresponse().read() == b"xxxxx"
    connection.close()
    assert wire.request().attributes["http.response.status_code"] == 200
