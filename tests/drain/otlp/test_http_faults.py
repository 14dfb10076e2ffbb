"""OTLP/HTTP against servers that hang, drip, reset, redirect, lie, or are none."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from clientobs.drain.otlp.http import MAX_RESPONSE_BYTES
from support.items import batch, span, spans
from support.otlp_receiver import OtlpReceiver
from support.senders import Address, deliver_to, send_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def raw_server(*connections: tuple[bytes | threading.Event, ...], then: str = "close") -> Iterator[Address]:
    """Give each connection its answers, each as something comes in; the last one serves all that follow.

    An event among the answers lets the next one go as soon as it is set, whether something came or not.
    A connection is closed after its last answer, or (`then="keep"`) kept open without a word.
    """
    server = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        for answers in itertools.chain(connections, itertools.repeat(connections[-1])):
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                unasked = False
                for answer in answers:
                    if isinstance(answer, threading.Event):
                        unasked = answer.wait(30)
                        continue
                    if not unasked:
                        connection.recv(65536)
                    connection.sendall(answer)
                    unasked = False
                if then == "keep":
                    done.wait(30)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Address(f"http://127.0.0.1:{server.getsockname()[1]}/v1/traces")
    finally:
        done.set()
        with contextlib.suppress(OSError):  # wakes a thread that waits in accept, where the system does so
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(1)


def test_a_captive_portal_takes_nothing(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.answer(200, content_type="text/html; charset=utf-8", body=b"<html>Welcome to Hotel WiFi")
    outcome = send_one(receiver, tmp_path)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert "captive portal" in outcome.reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_with_our_credentials(
    receiver: OtlpReceiver, tmp_path: Path, status: int
) -> None:
    with OtlpReceiver() as elsewhere:
        receiver.answer(status, headers=(("Location", elsewhere.url("traces")),))
        outcome = send_one(receiver, tmp_path, headers=(("authorization", "secret"),))
        assert elsewhere.requests == []
    assert (outcome.verdict, outcome.settled, len(receiver.requests)) == ("retry", 0, 1)


def test_a_server_that_never_answers_costs_one_timeout(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.answer(hang=True)
    outcome = send_one(receiver, tmp_path, timeout=0.3)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert "timed out" in outcome.reason


def test_a_server_that_drips_its_answer_costs_one_timeout(receiver: OtlpReceiver, tmp_path: Path) -> None:
    """Each byte comes well within a socket's timeout: only a deadline over all of them ends this."""
    receiver.answer(drip=0.05, body=b"x" * 100)
    outcome = send_one(receiver, tmp_path, timeout=0.5)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert "timed out" in outcome.reason


def test_a_slow_server_within_the_timeout_is_waited_for(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.answer(delay=0.3)
    assert send_one(receiver, tmp_path, timeout=10).delivered == 1


def test_after_a_timeout_the_next_answer_is_not_taken_for_the_last_one(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    receiver.answer(400, delay=0.5)
    with deliver_to(receiver, tmp_path, timeout=0.2) as delivery:
        assert delivery.traces.send(spans(1)).verdict == "retry"
        assert delivery.traces.send(spans(1)).delivered == 1
    assert len({got.peer for got in receiver.requests}) == 2


def test_a_reset_connection_is_retried(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.answer(reset=True)
    outcome = send_one(receiver, tmp_path)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert outcome.reason.startswith("no answer: 127.0.0.1:")


def test_a_refused_connection_is_retried(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = send_one(Address(f"http://127.0.0.1:{port}/v1/traces"), tmp_path)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)
    assert "refused" in outcome.reason.lower()


def test_a_name_that_does_not_resolve_is_retried(tmp_path: Path) -> None:
    outcome = send_one(Address("http://otel.invalid:4318/v1/traces"), tmp_path)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000,
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
    ],
    ids=["nothing", "ssh", "no status", "cut short", "bad chunk", "endless headers", "endless header"],
)
def test_what_is_no_complete_http_answer_is_retried(tmp_path: Path, answer: bytes) -> None:
    with raw_server((answer,)) as address:
        outcome = send_one(address, tmp_path)
    assert (outcome.verdict, outcome.settled) == ("retry", 0)


def test_a_response_is_read_to_4_mib_and_no_further(tmp_path: Path) -> None:
    """The server promises a terabyte, sends a little more than the bound, and stays silent."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n"
    with raw_server((head + bytes(MAX_RESPONSE_BYTES + 1),), then="keep") as address:
        outcome = send_one(address, tmp_path, timeout=20)
    assert (outcome.verdict, outcome.delivered) == ("delivered", 1)


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"


def test_a_body_that_is_refused_before_it_was_read_is_understood(tmp_path: Path) -> None:
    """The server answers after the first bytes and hangs up: the rest can't be sent, the answer counts."""
    head = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    large = batch("traces", span(attributes={"text": "x" * 2_900_000}))
    with (
        raw_server((head,)) as address,
        deliver_to(address, tmp_path, compression="none", timeout=20) as delivery,
    ):
        outcome = delivery.traces.send(large)
    assert (outcome.verdict, outcome.reason) == ("hold", "HTTP 401")


def test_a_word_that_nobody_asked_for_is_no_answer_to_the_next_request(tmp_path: Path) -> None:
    """Some load balancers send 408 on an idle connection before they close it."""
    idle = threading.Event()
    with (
        raw_server((OK, idle, TIMED_OUT), (OK,)) as address,
        deliver_to(address, tmp_path, compression="none") as delivery,
    ):
        assert delivery.traces.send(spans(1)).verdict == "delivered"
        idle.set()
        connection = delivery.traces._transport._connection  # type: ignore[attr-defined]
        assert select.select([connection.sock.sock], [], [], 10)[0], "the 408 came"
        assert delivery.traces.send(spans(1)).verdict == "delivered"


def test_a_kept_connection_that_ends_under_a_request_is_opened_again(tmp_path: Path) -> None:
    with raw_server((OK, b""), (OK,)) as address, deliver_to(address, tmp_path) as delivery:
        outcomes = [delivery.traces.send(spans(1)).verdict for _ in range(2)]
    assert outcomes == ["delivered", "delivered"]
