"""A beat that tells of nothing, and what has begun since."""

from __future__ import annotations

from typing import Any

import pytest

from clientobs._beat import Beat
from clientobs.drain.hangs.unannounced import as_in_span
from clientobs.journal.records import SpanRecord

SECOND = 1_000_000_000
IDLE = Beat(
    at=100 * SECOND,
    watch="idle",
    answered=100 * SECOND,
    threshold=5 * SECOND,
    stall=15 * SECOND,
    limit=1800 * SECOND,
)


def span(name: str, began: float, **attributes: Any) -> SpanRecord:
    return SpanRecord(1, 2, 0, name, 0, 1, "", 0, 0, 0, int(began * SECOND), attributes)


def test_a_span_that_has_begun_since_is_watched_from_its_beginning() -> None:
    beat = as_in_span(IDLE, [span("session", 90), span("parse", 100.4), span("fold", 100.6)])
    assert (beat.watch, beat.at, beat.answered) == ("span", 100.4 * SECOND, 100.4 * SECOND)
    assert (beat.threshold, beat.stall, beat.work) == (5 * SECOND, 0, "")


@pytest.mark.parametrize("render", [span("render frame", 100.4), span("x", 100.4, **{"tool.work": "render"})])
def test_known_work_that_has_begun_since_has_more_time(render: SpanRecord) -> None:
    beat = as_in_span(IDLE, [render, span("fold", 100.6)])
    assert (beat.work, beat.threshold, beat.stall) == ("render", 1800 * SECOND, 15 * SECOND)


def test_a_span_that_was_open_before_is_another_thread_s() -> None:
    assert as_in_span(IDLE, [span("prefetch", 90)]).watch == ""
