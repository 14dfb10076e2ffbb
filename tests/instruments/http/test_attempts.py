"""Which attempt a request is."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
import requests
from urllib3.util import Retry

import clientobs
from clientobs.instruments.http.attempts import Attempts

httplib2 = pytest.importorskip("httplib2", reason="comes with the dependency group `test`")

if TYPE_CHECKING:
    from instruments.http.conftest import Wire

RESENT = "http.request.resend_count"
MINUTE = 60_000_000_000


def post(wire: Wire, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", wire.port, timeout=0.3)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    return answer.status


def attempts_of(wire: Wire) -> list[int]:
    return [span.attributes.get(RESENT, 0) for span in wire.requests()]


def test_the_same_request_after_a_failure_is_another_attempt(wire: Wire) -> None:
    with clientobs.span("publish"):
        assert post(wire, "/then/500/503/0/200", b"{}") == 500
        assert post(wire, "/then/500/503/0/200", b"{}") == 503
        with pytest.raises(TimeoutError):
            post(wire, "/then/500/503/0/200", b"{}")
        assert post(wire, "/then/500/503/0/200", b"{}") == 200
        assert post(wire, "/then/500/503/0/200", b"{}") == 200
    assert attempts_of(wire) == [0, 1, 2, 3, 0]


def test_another_call_of_the_same_endpoint_is_no_attempt(wire: Wire) -> None:
    with clientobs.span("publish"):
        post(wire, "/status/500", b'{"method": "find"}')
        post(wire, "/status/500", b'{"method": "create"}')
        post(wire, "/status/500", b'{"method": "find"}')
    assert attempts_of(wire) == [0, 0, 1]


def test_the_same_request_in_another_trace_is_no_attempt(wire: Wire) -> None:
    for _ in range(2):
        with clientobs.span("click"):
            post(wire, "/status/500", b"{}")
    assert attempts_of(wire) == [0, 0]


def test_attempts_are_told_apart_outside_every_span_too(wire: Wire) -> None:
    for _ in range(3):
        post(wire, "/status/500", b"{}")
    assert attempts_of(wire) == [0, 1, 2]


def test_the_same_request_on_another_thread_is_no_attempt(wire: Wire) -> None:
    post(wire, "/status/500", b"{}")
    other = threading.Thread(target=post, args=(wire, "/status/500", b"{}"))
    other.start()
    other.join()
    assert attempts_of(wire) == [0, 0]


def test_asking_again_for_what_is_not_there_is_no_attempt(wire: Wire) -> None:
    with clientobs.span("poll"):
        for _ in range(3):
            post(wire, "/status/404", b"{}")
    assert attempts_of(wire) == [0, 0, 0]


def test_retries_of_urllib3_are_told_apart(wire: Wire) -> None:
    with clientobs.span("publish"), requests.Session() as session:
        retry = Retry(total=3, status_forcelist=[500, 503], backoff_factor=0, allowed_methods=None)
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retry))
        assert session.post(wire.url("/then/500/503/200"), json={"shot": "sh010"}).status_code == 200
    assert attempts_of(wire) == [0, 1, 2]


def test_retries_of_a_streamed_body_are_told_apart(wire: Wire) -> None:
    with clientobs.span("publish"), requests.Session() as session:
        for _ in range(2):
            session.post(wire.url("/status/500"), data=iter([b"one", b"two"]))
    assert attempts_of(wire) == [0, 1]


def test_a_refused_connection_and_the_next_attempt_are_told_apart(wire: Wire) -> None:
    with clientobs.span("publish"):
        for _ in range(2):
            with pytest.raises(urllib.error.URLError):
                urllib.request.urlopen("http://127.0.0.1:9/api3")
    assert attempts_of(wire) == [0, 1]


def test_an_answer_nobody_read_still_counts_as_a_failed_attempt(wire: Wire) -> None:
    with clientobs.span("publish"), requests.Session() as session:
        kept = [session.get(wire.url("/then/500/200"), stream=True) for _ in range(2)]
    for answer in kept:
        answer.close()
    assert attempts_of(wire) == [0, 1]


@pytest.mark.parametrize("library", ["requests", "urllib", "httplib2"])
def test_a_redirection_is_followed_by_another_sending(wire: Wire, library: str) -> None:
    with clientobs.span("fetch"):
        if library == "requests":
            requests.get(wire.url("/to/to/size/3"))
        elif library == "urllib":
            urllib.request.urlopen(wire.url("/to/to/size/3")).close()
        else:
            client = httplib2.Http()
            client.request(wire.url("/to/to/size/3"))
            client.close()
    told = [(one.attributes["url.full"], one.attributes.get(RESENT, 0)) for one in wire.requests()]
    assert told == [
        (wire.url("/to/to/size/3"), 0),
        (wire.url("/to/size/3"), 1),
        (wire.url("/size/3"), 2),
    ]


def test_what_is_remembered_is_bounded_in_number_and_time() -> None:
    attempts = Attempts()
    for number in range(1000):
        attempts.failed((1, "GET", f"http://tracker/{number}", 0), 0, number)
    assert attempts.number((1, "GET", "http://tracker/0", 0), 1000) == 0
    assert attempts.number((1, "GET", "http://tracker/999", 0), 1000) == 1
    attempts.failed((1, "GET", "http://tracker/", 0), 4, 0)
    assert attempts.number((1, "GET", "http://tracker/", 0), 6 * MINUTE) == 0
