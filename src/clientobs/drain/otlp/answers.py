"""What an endpoint's answer means: the tables of OTLP/HTTP and OTLP/gRPC as pure functions.

    HTTP answer            action
    2xx                    ACCEPTED (a partial_success counts the rejected)
    2xx with text/html     RETRY: a captive portal
    3xx                    RETRY: never followed, the headers hold credentials
    408, 429, 5xx          RETRY, after Retry-After where it is given
    413                    SPLIT
    401, 403, 404, 407     HOLD
    4xx with text/html     HOLD: a web server in the way, no OTLP endpoint
    400, 422, other 4xx    BISECT

    gRPC status                                            action
    OK                                                     ACCEPTED
    UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED, CANCELLED,    RETRY, after RetryInfo where it is given
    OUT_OF_RANGE, DATA_LOSS, UNKNOWN, INTERNAL
    RESOURCE_EXHAUSTED                                     RETRY with RetryInfo, otherwise SPLIT
    UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED,     HOLD
    NOT_FOUND
    INVALID_ARGUMENT, others                               BISECT

UNKNOWN and INTERNAL are retried, since grpcio answers them for a proxy's HTTP 500s and for broken streams;
NOT_FOUND is gateways' 404. https://opentelemetry.io/docs/specs/otlp/#failures
"""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MAX_RETRY_AFTER",
    "Action",
    "Answer",
    "broken_connection",
    "grpc_answer",
    "held",
    "http_answer",
    "retry_after_seconds",
    "sentence",
]

MAX_RETRY_AFTER: Final = 900.0
"""Seconds: a Retry-After beyond this is cut, so that no server can put a workstation to sleep for a year."""

_WORDS: Final = 300


class Action(Enum):
    """What to do with the records of a request."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    SPLIT = "split"
    BISECT = "bisect"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An endpoint's answer, understood.

    code         "HTTP 503", "UNAVAILABLE", or "" where nothing answered
    text         a short sentence for people: code and the server's words
    retry_after  seconds that the server asked for, capped; None where it did not
    rejected     records refused by a partial_success
    server_time  the server's clock (its Date header), seconds since the epoch; None where it did not say
    """

    action: Action
    code: str
    text: str
    retry_after: float | None = None
    rejected: int = 0
    server_time: float | None = None


_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_CLIENT_FAULT: Final = range(400, 500)
_TOO_LARGE: Final = 413
_HOLD: Final = frozenset({401, 403, 404, 407})
_RETRY: Final = frozenset({408, 429})


def http_answer(status: int, headers: Mapping[str, str], words: str, rejected: int, now: float) -> Answer:
    """Return what an HTTP answer means.

    `headers` have lower-case names, `words` are the server's (the message of a Status or of a
    partial_success, or the start of the body), `now` is the time of day in seconds, for a Retry-After date.

    >>> http_answer(503, {"retry-after": "7"}, "", 0, now=0.0).retry_after
    7.0
    """
    action = _http_action(status, html="text/html" in headers.get("content-type", "").lower())
    code = f"HTTP {status}"
    if action is Action.RETRY and status in _SUCCESS:
        words = "a web page instead of an OTLP answer: a captive portal, or no OTLP endpoint"
    if status in _REDIRECT:
        words = "redirects are not followed; set the endpoint to where it leads"
    return Answer(
        action=action,
        code=code,
        text=sentence(code, words),
        retry_after=retry_after_seconds(headers.get("retry-after"), now) if action is Action.RETRY else None,
        rejected=rejected if action is Action.ACCEPTED else 0,
        server_time=_date(headers.get("date")),
    )


def _http_action(status: int, *, html: bool) -> Action:
    if status in _SUCCESS:
        return Action.RETRY if html else Action.ACCEPTED
    if status in _RETRY or status not in _CLIENT_FAULT:
        return Action.RETRY
    # An OTLP endpoint answers an error in protobuf or JSON. A page is some web server in the way ("the plain
    # HTTP request was sent to HTTPS port" is a 400), and no record may be blamed for that.
    if status in _HOLD or (html and status != _TOO_LARGE):
        return Action.HOLD
    return Action.SPLIT if status == _TOO_LARGE else Action.BISECT


_GRPC: Final = {
    "OK": Action.ACCEPTED,
    "UNAVAILABLE": Action.RETRY,
    "DEADLINE_EXCEEDED": Action.RETRY,
    "ABORTED": Action.RETRY,
    "CANCELLED": Action.RETRY,
    "OUT_OF_RANGE": Action.RETRY,
    "DATA_LOSS": Action.RETRY,
    "UNKNOWN": Action.RETRY,
    "INTERNAL": Action.RETRY,
    "RESOURCE_EXHAUSTED": Action.SPLIT,
    "UNAUTHENTICATED": Action.HOLD,
    "PERMISSION_DENIED": Action.HOLD,
    "UNIMPLEMENTED": Action.HOLD,
    "NOT_FOUND": Action.HOLD,
}


def grpc_answer(code: str, words: str, retry_after: float | None = None, rejected: int = 0) -> Answer:
    """Return what a gRPC status means; `retry_after` are the seconds of a RetryInfo detail.

    >>> grpc_answer("RESOURCE_EXHAUSTED", "larger than max").action.value
    'split'
    """
    action = _GRPC.get(code, Action.BISECT)
    if code == "RESOURCE_EXHAUSTED" and retry_after is not None:
        action = Action.RETRY  # also where it asks for no wait: it says that the state will pass
    return Answer(
        action=action,
        code=code,
        text=sentence(code, words),
        retry_after=_capped(retry_after) if action is Action.RETRY else None,
        rejected=rejected if action is Action.ACCEPTED else 0,
    )


def broken_connection(words: str) -> Answer:
    """Return the answer of an endpoint that could not be reached or did not finish answering."""
    return Answer(action=Action.RETRY, code="", text=sentence("no answer", words))


def held(words: str) -> Answer:
    """Return the answer that stands for a setting that a person must mend before anything can be sent."""
    return Answer(action=Action.HOLD, code="", text=sentence("not sent", words))


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Return the seconds of a Retry-After header (a number, or an HTTP date), or None.

    None also for a date gone by, zero and nonsense: the caller's own jitter then decides, so that no server
    can make a client hammer it.

    >>> retry_after_seconds("Thu, 01 Jan 1970 00:01:00 GMT", now=50.0)
    10.0
    """
    if not value:
        return None
    try:
        return _capped(float(value))
    except ValueError:
        pass  # not a number: a date, below
    date = _date(value)
    return None if date is None else _capped(date - now)


def _date(value: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp() if value else None
    except (TypeError, ValueError, OverflowError):
        return None


def _capped(seconds: float | None) -> float | None:
    if seconds is None or not seconds > 0:  # `not >` also for NaN
        return None
    return min(seconds, MAX_RETRY_AFTER)


def sentence(code: str, words: str) -> str:
    """Return code and words on one printable line of bounded length: the words are a stranger's."""
    line = " ".join("".join(char if char.isprintable() else " " for char in words[:_WORDS]).split())
    return f"{code}: {line}" if line else code
