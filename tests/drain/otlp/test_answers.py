"""The tables of OTLP answers, each row."""

from __future__ import annotations

import math

import pytest

from clientobs.drain.otlp.answers import (
    MAX_RETRY_AFTER,
    Action,
    grpc_answer,
    http_answer,
    retry_after_seconds,
    sentence,
)

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("statuses", "action"),
    [
        ((200, 202, 204), Action.ACCEPTED),
        ((301, 302, 303, 307, 308), Action.RETRY),
        ((408, 429, 500, 501, 502, 503, 504, 507, 599), Action.RETRY),
        ((413,), Action.SPLIT),
        ((401, 403, 404, 407), Action.HOLD),
        ((400, 422, 402, 405, 406, 409, 410, 411, 415, 418, 431, 451), Action.BISECT),
    ],
)
def test_each_http_status_has_its_action(statuses: tuple[int, ...], action: Action) -> None:
    answers = {status: http_answer(status, {}, "", 0, NOW).action for status in statuses}
    assert answers == dict.fromkeys(statuses, action)


@pytest.mark.parametrize(
    ("codes", "action"),
    [
        (("OK",), Action.ACCEPTED),
        (
            (
                "UNAVAILABLE",
                "DEADLINE_EXCEEDED",
                "ABORTED",
                "CANCELLED",
                "OUT_OF_RANGE",
                "DATA_LOSS",
                "UNKNOWN",
                "INTERNAL",
            ),
            Action.RETRY,
        ),
        (("RESOURCE_EXHAUSTED",), Action.SPLIT),
        (("INVALID_ARGUMENT", "FAILED_PRECONDITION", "ALREADY_EXISTS"), Action.BISECT),
        (("UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED", "NOT_FOUND"), Action.HOLD),
    ],
)
def test_each_grpc_status_has_its_action(codes: tuple[str, ...], action: Action) -> None:
    assert {code: grpc_answer(code, "").action for code in codes} == dict.fromkeys(codes, action)


@pytest.mark.parametrize("seconds", [3.0, 0.0])
def test_an_exhausted_server_that_sends_retry_info_is_asked_again_later(seconds: float) -> None:
    answer = grpc_answer("RESOURCE_EXHAUSTED", "quota", retry_after=seconds)
    assert answer.action is Action.RETRY
    assert answer.retry_after == (seconds or None)


def test_a_web_page_is_no_acknowledgement() -> None:
    answer = http_answer(200, {"content-type": "Text/HTML; charset=utf-8"}, "", 0, NOW)
    assert answer.action is Action.RETRY
    assert "captive portal" in answer.text


def test_a_web_server_that_answers_400_in_html_blames_no_record() -> None:
    assert http_answer(400, {"content-type": "text/html"}, "", 0, NOW).action is Action.HOLD
    assert http_answer(413, {"content-type": "text/html"}, "", 0, NOW).action is Action.SPLIT


def test_a_partial_success_is_accepted_with_its_count_and_words() -> None:
    answer = http_answer(200, {}, "too old", 7, NOW)
    assert (answer.action, answer.rejected, answer.text) == (Action.ACCEPTED, 7, "HTTP 200: too old")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 2.5 ", 2.5),
        ("Mon, 12 Jan 1970 13:47:10 GMT", 30.0),
        ("99999999", MAX_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("0", None),
        ("-5", None),
        ("nan", None),
        ("Mon, 12 Jan 1970 13:46:00 GMT", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Mon, 99 Foo 1970", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_capped(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


def test_retry_after_is_only_taken_from_answers_that_are_retried() -> None:
    assert http_answer(503, {"retry-after": "9"}, "", 0, NOW).retry_after == 9.0
    assert http_answer(429, {"retry-after": "9"}, "", 0, NOW).retry_after == 9.0
    assert http_answer(401, {"retry-after": "9"}, "", 0, NOW).retry_after is None


def test_an_endless_retry_after_is_capped() -> None:
    assert retry_after_seconds("inf", NOW) == MAX_RETRY_AFTER
    assert math.isfinite(MAX_RETRY_AFTER)


def test_a_strangers_words_become_one_short_printable_line() -> None:
    line = sentence("HTTP 400", "bad\r\n\x1b[31mred\x00" + "x" * 5000)
    assert line.startswith("HTTP 400: bad [31mred xxx")
    assert line.isprintable()
    assert len(line) < 400
