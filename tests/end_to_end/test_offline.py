"""Without a network, without an endpoint, without a drain: records wait on disk and arrive with their own times."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.otlp_receiver import Answer
from support.workstation import Workstation, until

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver

WORK = """
    import time
    clientobs.init(sys.argv[1], version="1.0")
    clientobs.set_context(shot="sq010_sh020")
    times = []
    for number in range(20):
        before = time.time_ns()
        with clientobs.span("work", number=number):
            clientobs.event("step", str(number))
            clientobs.counter("steps").add(1)
        times.append([before, time.time_ns()])
    say(times)
"""


@pytest.mark.diagnosis("offline")
def test_what_was_recorded_before_any_endpoint_arrives_later_with_its_times_in_order(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    with Workstation(tmp_path) as desk:
        host = desk.start(WORK, "offline")
        times = host.heard()
        assert host.end() == 0
        assert desk.drains() == []
        recorded = time.time_ns()
        desk.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.base
        later = desk.start('clientobs.init("online"); say(None); wait()')
        later.heard()
        receiver.wait_for(lambda: len(mine(receiver)) == 20, 30)
    spans = mine(receiver)
    assert [one.attributes["number"] for one in spans] == list(range(20))
    for one, (before, after) in zip(spans, times, strict=True):
        assert before <= one.record.start_time_unix_nano <= one.record.end_time_unix_nano <= after
    assert spans[-1].record.end_time_unix_nano < recorded
    logs = [one.record for one in receiver.logs_in_order() if one.resource["service.name"] == "offline"]
    assert [log.event_name for log in logs if log.event_name != "step"] == ["session.start", "session.end"]
    stamps = [log.time_unix_nano for log in logs if log.event_name == "step"]
    assert stamps == sorted(stamps)
    assert stamps[-1] < recorded
    for one in spans:
        production = {"shot": "sq010_sh020"}
        assert_always(one, desk, service=("offline", "1.0"), production=production, until_ns=recorded)
    receiver.wait_for(lambda: steps(receiver) == 20, 30)


def steps(receiver: OtlpReceiver) -> int:
    counted = [one.record for one in receiver.metrics() if one.record.name == "steps"]
    return max((point.as_int for one in counted for point in one.sum.data_points), default=0)


def mine(receiver: OtlpReceiver) -> list[Telemetry]:
    return [one for one in receiver.spans() if one.resource["service.name"] == "offline"]


def test_an_endpoint_that_comes_back_gets_what_it_missed(desk: Workstation, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(status=503))
    host = desk.start(WORK + "\n    wait()", "offline")
    times = host.heard()
    until(
        desk.drains
    )  # a program that is over at once, on a machine with no time for it, leaves that to the next one
    assert host.end() == 0
    until(lambda: any(state.signals["traces"].verdict == "retry" for state in desk.states()))
    receiver.answer_if(None)
    receiver.wait_for(lambda: len(mine(receiver)) == 20, 30)
    assert [one.attributes["number"] for one in mine(receiver)] == list(range(20))
    assert all(
        before <= one.record.start_time_unix_nano <= after
        for one, (before, after) in zip(mine(receiver), times, strict=True)
    )


def test_with_the_drain_off_the_journal_alone_is_written_and_a_drain_by_hand_delivers_it(
    desk: Workstation, receiver: OtlpReceiver
) -> None:
    host = desk.start(WORK, "offline", environ={"CLIENTOBS_DRAIN": "off"})
    host.heard()
    assert host.end() == 0
    assert desk.drains() == []
    assert receiver.requests == []
    done = desk.clientobs("drain", "--once")
    assert done.returncode == 0, done.stderr
    assert len(mine(receiver)) == 20
    assert "session.end" in [one.record.event_name for one in receiver.logs()]
    assert desk.drains() == []


def test_a_drain_of_the_machines_own_delivers_what_hosts_in_external_mode_record(
    desk: Workstation, receiver: OtlpReceiver
) -> None:
    desk.environ["CLIENTOBS_DRAIN"] = "external"
    host = desk.start(WORK + "\n    wait()", "offline")
    host.heard()
    assert desk.drains() == []
    service = desk.start("from clientobs.cli.main import main; sys.exit(main(sys.argv[1:]))", "drain")
    receiver.wait_for(lambda: len(mine(receiver)) == 20, 30)
    assert host.process.poll() is None
    assert service.kill(signal.SIGTERM) == 0
    assert host.end() == 0


def test_a_drain_that_is_killed_is_replaced_while_the_host_runs(
    desk: Workstation, receiver: OtlpReceiver
) -> None:
    host = desk.start(
        WORK + "\n    wait()\n    with clientobs.span('after'): pass\n    say(0)\n    wait()", "offline"
    )
    host.heard()
    receiver.wait_for(lambda: len(mine(receiver)) == 20, 30)
    (first,) = desk.drains()
    first.kill()
    host.go()
    host.heard()
    receiver.wait_for(lambda: len({one.record.span_id for one in mine(receiver)}) == 21, 30)
    assert [drain.pid for drain in desk.drains() if drain.pid != first.pid]
    assert host.end() == 0
