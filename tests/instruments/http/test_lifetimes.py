"""Requests that nobody finishes, and those made at odd moments."""

from __future__ import annotations

import gc
import http.client
import io
import os
import signal
import socket
import threading
import urllib.request
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.instruments import registry
from support.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from instruments.http.conftest import Wire

URL = "url.full"


def asked(
    wire: Wire, path: str = "/size/100000"
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", path)
    return connection, connection.getresponse()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_an_answer_that_is_dropped_is_closed_at_once_as_without_us(wire: Wire) -> None:
    connection, answer = asked(wire, "/until-close/10")
    raw = weakref.ref(answer.fp.raw)
    gone = weakref.ref(answer)
    gc.disable()
    try:
        del answer, connection
        assert (gone(), raw()) == (None, None)
    finally:
        gc.enable()
    span = wire.request()
    assert span.status == 0
    assert span.attributes["http.response.status_code"] == 200


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_the_raw_stream_of_an_answer_can_be_taken_out(wire: Wire) -> None:
    connection, answer = asked(wire, "/until-close/10")
    body = answer.fp.read1()
    while len(body) < 10:
        body += answer.fp.read1()
    more = answer.fp.detach().readinto(
        bytearray(20)
    )  # nobody but the call holds the stream, not pytest either
    assert more == 0
    vars(answer)["fp"] = None
    connection.close()
    gc.collect()
    assert wire.request().status == 0


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_request_whose_connection_is_dropped_ends(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", "/silent")
    with clientobs.span("afterwards"):
        del connection
    found = wire.recorded()
    (span,) = [one for one in found.spans if one.kind == 2]
    assert span.end_ns <= found.span("afterwards").start_ns
    assert span.status == 0


def test_a_request_whose_connection_is_used_again_ends(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.request("GET", "/silent")
    connection.close()
    connection.request("GET", "/size/5")
    assert connection.getresponse().read() == b"xxxxx"
    connection.close()
    first, second = wire.requests()
    assert first.attributes[URL] == wire.url("/silent")
    assert "http.response.status_code" not in first.attributes
    assert second.attributes["http.response.status_code"] == 200


def test_asking_too_early_for_an_answer_loses_nothing(wire: Wire) -> None:
    connection, first = asked(wire, "/size/1000")
    # All of the first body is in its buffer before the second answer can arrive: reading
    # the body later would take bytes of both, and http.client drops what it read too far.
    assert len(first.peek(1)) == 1000
    connection.request("GET", "/size/2000")
    with pytest.raises(http.client.ResponseNotReady):
        connection.getresponse()
    assert len(first.read()) == 1000
    with pytest.raises(http.client.CannotSendRequest):
        connection.request("GET", "/size/3000")
    assert len(connection.getresponse().read()) == 2000
    with pytest.raises(http.client.ResponseNotReady):
        connection.getresponse()
    connection.close()
    told = [span.attributes[URL] for span in wire.requests()]
    assert told == [wire.url("/size/1000"), wire.url("/size/2000")]
    assert {span.attributes["http.response.status_code"] for span in wire.requests()} == {200}


def test_headers_sent_twice_are_refused_as_without_us(wire: Wire) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    connection.putrequest("GET", "/size/5")
    connection.endheaders()
    with pytest.raises(http.client.CannotSendHeader):
        connection.endheaders()
    assert connection.getresponse().read() == b"xxxxx"
    connection.close()
    assert len(wire.requests()) == 1


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_what_is_open_when_the_instrument_is_switched_off_ends(wire: Wire) -> None:
    connection, answer = asked(wire)
    clientobs.uninstrument("http")
    assert len(answer.read()) == 100_000
    connection.request("GET", "/size/7")
    assert connection.getresponse().read() == b"x" * 7
    connection.close()
    assert [span.attributes[URL] for span in wire.requests()] == [wire.url("/size/100000")]


def test_a_request_from_a_destructor_is_a_request(wire: Wire) -> None:
    class Farewell:
        def __del__(self) -> None:
            asked(wire, "/size/0")[0].close()

    circle: dict[str, Any] = {"it": Farewell()}
    circle["self"] = circle
    with clientobs.span("work"):
        del circle
        gc.collect()
    assert wire.request().attributes["http.response.status_code"] == 200


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timer signals")
def test_a_request_from_a_signal_handler_leaves_the_one_it_interrupts_alone(wire: Wire) -> None:
    done: list[int] = []

    def handle(*_args: Any) -> None:
        connection, answer = asked(wire, "/size/50")
        done.append(len(answer.read()))
        connection.close()

    before = signal.signal(signal.SIGALRM, handle)
    connection = http.client.HTTPConnection("127.0.0.1", wire.port, timeout=20)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        connection.request("GET", "/half-silent")
        answer = connection.getresponse()
        threading.Timer(0.3, wire.web.closing.set).start()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        connection.close()
    assert done == [50]
    slow, quick = wire.requests()
    assert slow.attributes["error.type"] == "http.client.IncompleteRead"
    assert quick.attributes["http.response.body.size"] == 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_does_not_end_its_parent_s_request(wire: Wire) -> None:
    connection, answer = asked(wire)
    child = os.fork()
    if child == 0:
        answer.close()
        with clientobs.span("in the child"):
            pass
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(answer.read()) == 100_000
    connection.close()
    assert len(wire.requests()) == 1


def test_many_threads_have_each_their_own(wire: Wire) -> None:
    def work(number: int) -> None:
        with clientobs.span(f"work {number}"):
            for part in range(5):
                connection, answer = asked(wire, f"/size/{number * 10 + part}")
                assert len(answer.read()) == number * 10 + part
                connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = wire.recorded()
    told = [span for span in found.spans if span.kind == 2]
    assert len(told) == 40
    for span in told:
        size = int(span.attributes[URL].rpartition("/")[2])
        assert span.parent_id == found.span(f"work {size // 10}").span_id
        assert span.attributes["http.response.body.size"] == size


def test_a_storm_of_requests_leaves_nothing_behind(wire: Wire) -> None:
    instrument: Any = registry.active()["http"]
    connection = http.client.HTTPConnection("127.0.0.1", wire.port)
    for _ in range(300):
        connection.request("GET", "/status/500")
        connection.getresponse().read()
    connection.close()
    assert len(instrument._desk._open) == 0
    assert len(instrument._desk.attempts._here.failed) <= 32


def test_odd_sockets_and_answers_do_no_harm(wire: Wire) -> None:
    class Tape:
        """A socket of a test, as mocking libraries bring them."""

        def makefile(self, *_args: Any) -> io.BytesIO:
            return io.BytesIO(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc")

        def sendall(self, data: bytes) -> None:
            self.data = data

        def close(self) -> None:
            pass

    connection: Any = http.client.HTTPConnection("tape.invalid")
    connection.sock = Tape()
    connection.request("GET", "/a")
    assert connection.getresponse().read() == b"abc"
    told = wire.request().attributes
    assert told["http.response.body.size"] == 3
    assert "http.response.size" not in told
    assert "network.peer.address" not in told


def test_an_answer_without_a_connection_is_read_as_ever(wire: Wire) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc")
        answer = http.client.HTTPResponse(ours)
        answer.begin()
        assert answer.read() == b"abc"
    assert wire.requests() == []


def test_a_request_at_the_very_end_of_the_interpreter_is_silent(wire: Wire, home: Path) -> None:
    done = run_program(
        """
        import atexit, sys, urllib.request
        import clientobs
        url = sys.argv[1]
        class Last:
            def __del__(self):
                try:
                    urllib.request.urlopen(url + "/size/1").read()
                except Exception:
                    pass
        atexit.register(lambda: urllib.request.urlopen(url + "/size/2").read())
        clientobs.init("tool")
        atexit.register(lambda: urllib.request.urlopen(url + "/size/3").read())
        keeper = Last()
        kept = urllib.request.urlopen(url + "/size/4")
        """,
        wire.url(""),
        environ={"CLIENTOBS_HOME": str(home)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = [span.attributes[URL].rpartition("/")[2] for span in wire.requests()]
    assert told == ["4", "3"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_a_request_that_hangs_when_its_process_is_killed_is_on_disk(wire: Wire, home: Path) -> None:
    done = run_program(
        """
        import os, signal, sys, threading, urllib.request
        import clientobs
        clientobs.init("tool")
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
        urllib.request.urlopen(sys.argv[1])
        """,
        wire.url("/silent"),
        environ={"CLIENTOBS_HOME": str(home)},
    )
    assert done.returncode == -signal.SIGKILL
    started = [one.record for one in wire.recorded().placed if one.kind.name == "SPAN_STARTED"]
    assert {span.attributes[URL] for span in started if URL in span.attributes} == {wire.url("/silent")}


def test_a_module_loaded_after_init_is_seen_from_its_first_request(wire: Wire, home: Path) -> None:
    done = run_program(
        """
        import sys
        import clientobs
        clientobs.init("tool")
        assert "http.client" not in sys.modules
        import urllib.request
        urllib.request.urlopen(sys.argv[1]).close()
        """,
        wire.url("/size/1"),
        environ={"CLIENTOBS_HOME": str(home)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert wire.request().attributes[URL] == wire.url("/size/1")


def test_where_urllib_is_loaded_before_init_its_requests_are_seen(wire: Wire) -> None:
    urllib.request.urlopen(wire.url("/size/1")).close()
    assert len(wire.requests()) == 1
