"""A trace is put together from whatever is there: nothing lost, nothing twice, nothing for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from clientobs.viewer.model import Run, Trace
from clientobs.viewer.traces import TraceBook
from viewer.story import MS, T0, TRACE, Story, log_record, span_record

if TYPE_CHECKING:
    import random

RUN = Run(run="1" * 32, session="2" * 32, pid=1)


def _names(trace: Trace) -> list[str]:
    return [span.record.name for span in trace.walk()]


def test_children_hang_under_their_parents_in_order_of_time() -> None:
    story = Story()
    root = story.span("root", took=10)
    story.span("late", at=5, parent=root)
    early = story.span("early", at=1, parent=root)
    story.span("inner", at=2, parent=early)
    trace = story.book.trace(TRACE)
    assert _names(trace) == ["root", "early", "inner", "late"]
    assert trace.start_ns == T0
    assert trace.end_ns(0) == T0 + 10 * MS


def test_a_start_that_was_carried_over_is_no_second_span() -> None:
    book = TraceBook()
    for ended in (False, False, True, False, True):
        book.add_span(RUN, span_record(7, took=5 if ended else None), ended=ended, context={})
    (span,) = book.trace(TRACE).walk()
    assert span.ended
    assert span.duration_ns(0) == 5 * MS


def test_a_start_that_is_read_after_the_end_does_not_open_the_span_again() -> None:
    book = TraceBook()
    book.add_span(RUN, span_record(7, took=5), ended=True, context={})
    book.add_span(RUN, span_record(7, took=None, attributes={"frame": 1001}), ended=False, context={})
    (span,) = book.trace(TRACE).walk()
    assert span.ended
    assert not book.is_broken(TRACE)


def test_of_two_starts_the_one_with_more_attributes_counts_in_whatever_order() -> None:
    fuller = span_record(7, took=None, attributes={"frame": 1001})
    for order in ([fuller, span_record(7, took=None)], [span_record(7, took=None), fuller]):
        book = TraceBook()
        for record in order:
            book.add_span(RUN, record, ended=False, context={})
        (span,) = book.trace(TRACE).walk()
        assert span.record.attributes == {"frame": 1001}


def test_a_span_whose_parent_is_unknown_becomes_a_root_and_says_so() -> None:
    story = Story()
    story.span("orphan", parent=999)
    (root,) = story.book.trace(TRACE).roots
    assert root.parent_missing


def test_spans_that_are_each_others_parents_are_all_kept_once() -> None:
    book = TraceBook()
    for record in (
        span_record(1, "self", parent=1),
        span_record(2, "a", parent=4, at=2),
        span_record(3, "b", parent=2, at=3),
        span_record(4, "c", parent=3, at=4),
        span_record(5, "below", parent=4, at=1),
    ):
        book.add_span(RUN, record, ended=True, context={})
    trace = book.trace(TRACE)
    assert sorted(_names(trace)) == ["a", "b", "below", "c", "self"]
    assert len(trace.roots) == 2


def test_several_runs_form_one_trace() -> None:
    story = Story()
    root = story.span("submit")
    story.new_run(pid=4400)
    story.span("task", parent=root, at=1)
    trace = story.book.trace(TRACE)
    assert [run.pid for run in trace.runs] == [4312, 4400]
    assert _names(trace) == ["submit", "task"]


def test_logs_lie_in_their_span_and_those_of_unknown_spans_in_the_trace() -> None:
    story = Story()
    span = story.span("work")
    story.log("second", span=span, at=2)
    story.log("first", span=span, at=1)
    story.log("lost", span=999)
    story.book.add_log(RUN, log_record("session", trace=0), context={})
    trace = story.book.trace(TRACE)
    assert [log.record.body for log in trace.roots[0].logs] == ["first", "second"]
    assert [log.record.body for log in trace.logs] == ["lost"]
    assert [log.record.body for log in story.book.loose] == ["session"]


def test_an_open_span_of_a_living_run_is_open_and_of_a_dead_one_interrupted() -> None:
    story = Story()
    story.run.alive = True
    story.span("root", took=None)
    story.log("still here", at=40)
    now = T0 + 100 * MS
    trace = story.book.trace(TRACE)
    assert (trace.state, trace.roots[0].duration_ns(now)) == ("open", 100 * MS)
    assert story.book.has_open(TRACE)
    story.run.alive = False
    assert (trace.state, trace.roots[0].duration_ns(now)) == ("interrupted", 40 * MS)
    assert story.book.is_broken(TRACE)


def test_a_failure_inside_work_that_went_well_is_told_apart() -> None:
    story = Story()
    root = story.span("publish")
    story.span("try", parent=root, status=2)
    assert story.book.trace(TRACE).state == "errors"
    assert story.book.is_broken(TRACE)


def test_a_span_that_the_drain_closed_for_a_dead_run_stays_interrupted() -> None:
    story = Story()
    story.span("render", status=2, attributes={"clientobs.interrupted": True})
    assert story.book.trace(TRACE).state == "interrupted"


def test_putting_a_trace_together_again_gives_the_same_trace() -> None:
    story = Story()
    root = story.span("root")
    story.span("child", parent=root)
    story.log("line", span=root)
    first = _names(story.book.trace(TRACE))
    again = story.book.trace(TRACE)
    assert _names(again) == first
    assert len(again.roots[0].logs) == 1


def test_a_chain_of_100_000_spans_is_put_together_without_recursion() -> None:
    book = TraceBook()
    for number in range(1, 100_001):
        book.add_span(RUN, span_record(number, parent=number - 1, at=number / 1000), ended=True, context={})
    trace = book.trace(TRACE)
    assert sum(1 for _ in trace.walk()) == 100_000
    assert len(trace.roots) == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 14), st.booleans()), max_size=40), st.randoms())
def test_each_span_is_shown_exactly_once_whatever_the_parents_and_the_order(
    spans: list[tuple[int, int, bool]], shuffler: random.Random
) -> None:
    shuffler.shuffle(spans)
    book = TraceBook()
    for span_id, parent, ended in spans:
        record = span_record(span_id, parent=parent, at=span_id, took=1 if ended else None)
        book.add_span(RUN, record, ended=ended, context={})
    if spans:
        walked = [span.record.span_id for span in book.trace(TRACE).walk()]
        assert sorted(walked) == sorted({span_id for span_id, _, _ in spans})
