"""The production context on records, and its way to children."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context

import clientobs
from clientobs.record.carrier import read_incoming
from clientobs.record.production import attribute_names
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

    from clientobs.runtime.runtime import Runtime


def test_contexts_nest_and_reach_spans_logs_and_other_instrumentations(runtime: Runtime, home: Path) -> None:
    clientobs.set_context(project="demo")
    with (
        clientobs.context(sequence="sq010", shot="sh020"),
        clientobs.span("outer"),
        clientobs.context(shot="sh030", workfile_version=7),
    ):
        trace.get_tracer("some.library").start_span("foreign").end()
        clientobs.event("checked", "All is well")
    with clientobs.span("after"):
        pass
    records = seen(home)
    assert records.context_of("outer")["production.shot"] == "sh020"
    foreign = records.context_of("foreign")
    assert foreign["production.project"] == "demo"
    assert foreign["production.shot"] == "sh030"
    assert foreign["workfile.version"] == 7
    assert foreign["session.id"] == runtime.session
    assert "production.shot" not in records.context_of("after")
    (event,) = [one for one in records.placed if getattr(one.record, "event_name", "") == "checked"]
    assert event.production["production.shot"] == "sh030"


def test_a_changed_process_context_holds_inside_an_open_context_too(runtime: Runtime, home: Path) -> None:
    with clientobs.context(shot="sh020"):
        clientobs.set_context(task="anim")
        with clientobs.span("work"):
            pass
        clientobs.set_context(task=None)
        with clientobs.span("done"):
            pass
    records = seen(home)
    assert records.context_of("work")["production.task"] == "anim"
    assert records.context_of("work")["production.shot"] == "sh020"
    assert "production.task" not in records.context_of("done")


def test_one_context_is_written_once_a_segment(runtime: Runtime, home: Path) -> None:
    with clientobs.context(shot="sh020"):
        for _ in range(50):
            with clientobs.span("quick"):
                pass
    text = b"".join(path.read_bytes() for path in home.glob("v1/*/*.bulk.seg"))
    assert text.count(b"production.shot") == 1


def test_a_context_that_comes_back_after_thousands_of_others_is_still_known(
    runtime: Runtime, home: Path
) -> None:
    with clientobs.span("first"):
        pass
    assert runtime.journal is not None
    for frame in range(5000):
        with clientobs.context(frame=frame):
            clientobs.event("rendered")
        if frame % 1000 == 999:
            runtime.journal._lanes.current.update({"bulk": None, "vital": None})  # as after a rotation
            runtime.journal.enforce_quota()
    with clientobs.span("last"):
        pass
    assert seen(home).context_of("last") == seen(home).context_of("first")
    assert "context" not in runtime.loss.totals()


def test_the_carrier_names_trace_and_production_and_nothing_goes_into_otel_baggage(
    runtime: Runtime, home: Path
) -> None:
    with clientobs.context(project="bäm", shot="sq010/sh020"), clientobs.span("submit"):
        carried = clientobs.carrier()
        assert baggage.get_all() == {}
        assert str(clientobs.trace_id()) in carried["TRACEPARENT"]
    incoming = read_incoming(carried, ("tracecontext", "baggage"))
    assert incoming.span_id == seen(home).span("submit").span_id
    assert incoming.production == {"production.project": "bäm", "production.shot": "sq010/sh020"}


def test_context_follows_opentelemetry_onto_other_threads(runtime: Runtime, home: Path) -> None:
    with clientobs.context(shot="sh020"), clientobs.span("parent"):
        handed_on = otel_context.get_current()

    def work() -> None:
        token = otel_context.attach(handed_on)
        with clientobs.span("child"):
            pass
        otel_context.detach(token)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    records = seen(home)
    assert records.context_of("child")["production.shot"] == "sh020"
    assert records.span("child").parent_id == records.span("parent").span_id


@pytest.mark.parametrize(
    "traceparent",
    ["", "junk", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01",
     "00-" + "1" * 32 + "-" + "1" * 16 + "-01-extra", "00-" + "1" * 31 + "-" + "1" * 16 + "-01"],
)  # fmt: skip
def test_a_malformed_traceparent_counts_as_absent(traceparent: str) -> None:
    incoming = read_incoming({"TRACEPARENT": traceparent}, ("tracecontext",))
    assert (incoming.trace_id, incoming.span_id, incoming.flags) == (0, 0, 0)


@given(st.dictionaries(st.sampled_from(["TRACEPARENT", "TRACESTATE", "BAGGAGE"]), st.text()))
def test_no_carrier_whatsoever_raises(environ: dict[str, str]) -> None:
    incoming = read_incoming(environ, ("tracecontext", "baggage"))
    assert (incoming.trace_id == 0) == (incoming.span_id == 0)


def test_names_of_the_production_context() -> None:
    assert attribute_names({"entity_id": 5, "department": "fx"}) == {
        "production.entity.id": 5,
        "production.department": "fx",
    }
