from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from clientobs.config.model import Config
from clientobs.drain.ages import Ages
from clientobs.drain.flush import flush
from clientobs.drain.state import read_states
from clientobs.errors import DeliveryError
from clientobs.journal.process import boot_id
from support.drain_process import DrainProcess
from support.drains import config_for, drain_once, make_service, running
from support.otlp_receiver import Answer, OtlpReceiver, Received
from support.recorder import Recorder


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as found:
        yield found


def names(receiver: OtlpReceiver) -> list[str]:
    return sorted(span.record.name for span in receiver.spans())


def test_live_records_are_at_the_endpoint_within_five_seconds(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        host.tell("span", name="first")
        receiver.wait_for(lambda: names(receiver) == ["first"], timeout=5)
        host.tell("span", name="second")
        host.tell("log", body="hello")
        host.tell("log", body="bad", lane="vital", event="app.crash")
        host.tell("count", name="frames", value=3)
        receiver.wait_for(lambda: names(receiver) == ["first", "second"], timeout=5)
        receiver.wait_for(lambda: len(receiver.logs()) == 2, timeout=5)
        receiver.wait_for(lambda: "frames" in [one.record.name for one in receiver.metrics()], timeout=5)


def test_a_killed_run_is_told_to_its_end(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        host.tell("span", name="whole")
        host.tell("start", name="open")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    spans = {span.record.name: span for span in receiver.spans()}
    assert sorted(spans) == ["open", "whole"]
    interrupted = spans["open"]
    assert interrupted.attributes["clientobs.interrupted"] is True
    assert interrupted.attributes["production.shot"] == "sq010_sh020"
    assert interrupted.attributes["session.id"] == host.session
    assert interrupted.record.status.code == 2
    assert "clientobs.interrupted" not in spans["whole"].attributes
    ends = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert [end.attributes["session.status"] for end in ends] == ["unknown"]
    assert ends[0].attributes["session.id"] == host.session
    assert ends[0].attributes["production.shot"] == "sq010_sh020"


def test_a_second_drain_finds_nothing_left(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="whole")
        host.tell("start", name="open")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    receiver.clear()
    assert drain_once(home, config_for(receiver.base))
    assert (receiver.spans(), receiver.logs()) == ([], [])


def test_a_clean_close_is_never_told_as_a_crash(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        (host.folder / "fault.txt").write_text("Fatal Python error: Segmentation fault\n")
        host.tell("log", body="ended", lane="vital", event="session.end")
        host.end()
    assert drain_once(home, config_for(receiver.base))
    assert sorted(log.record.event_name for log in receiver.logs()) == ["session.end", "session.start"]


def test_a_clean_close_without_a_word_is_an_exit(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        host.tell("close", detail="os._exit")
    assert drain_once(home, config_for(receiver.base))
    (end,) = [log for log in receiver.logs() if log.record.event_name == "session.end"]
    assert end.attributes["session.status"] == "exited"


def test_a_fatal_error_in_fault_txt_is_a_crash(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="started", lane="vital", event="session.start")
        (host.folder / "fault.txt").write_text("Fatal Python error: Segmentation fault\n\nThread 1:\n")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    found = {log.record.event_name: log for log in receiver.logs()}
    assert found.keys() == {"session.start", "app.crash", "session.end"}
    assert found["session.end"].attributes["session.status"] == "crashed"
    assert "Segmentation fault" in found["app.crash"].attributes["session.evidence"]


def test_offline_records_arrive_later_with_their_own_times_and_in_order(
    home: Path, receiver: OtlpReceiver
) -> None:
    before = time.time_ns()
    with Recorder(home, segment_bytes=16 << 10) as host:
        host.tell("log", body="line", count=500)
        receiver.answer(503, times=2)
        assert not drain_once(home, config_for(receiver.base))
        after = time.time_ns()
        assert receiver.logs() == []
        host.tell("log", body="later")
        assert drain_once(home, config_for(receiver.base))
    lines = receiver.logs()
    assert [line.record.body.string_value for line in lines][:500] == [f"line-{n}" for n in range(500)]
    assert all(before <= line.record.time_unix_nano <= after for line in lines[:500])


def test_a_span_open_over_many_shipped_segments_is_interrupted_once(
    home: Path, receiver: OtlpReceiver
) -> None:
    config = config_for(receiver.base)
    with Recorder(home, segment_bytes=2 << 10) as host:
        host.tell("start", name="long")
        for _ in range(50):
            host.tell("span", name="short", count=10)
            host.tell("tend")
        assert drain_once(home, config)
        segments = list(host.folder.glob("*.bulk.seg"))
        assert len(segments) >= 50
        for segment in sorted(segments)[:-1]:
            segment.unlink()
        host.kill()
    assert drain_once(home, config)
    assert names(receiver).count("long") == 1
    assert len(names(receiver)) == 501


def test_a_run_of_an_unknown_format_is_left_alone_and_told(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="new")
        host.kill()
    (segment,) = host.folder.glob("*.bulk.seg")
    data = segment.read_bytes()
    segment.write_bytes(data[:7] + b"\x02" + data[8:])
    before = sorted((path.name, path.stat().st_mtime_ns) for path in host.folder.iterdir())
    assert drain_once(home, config_for(receiver.base))
    assert receiver.requests == []
    assert sorted((path.name, path.stat().st_mtime_ns) for path in host.folder.iterdir()) == before
    (state,) = read_states(str(home))
    assert state.elsewhere == {"another format": {"runs": 1, "alive": 0, "bytes": len(data)}}


def test_two_tools_with_two_endpoints_and_tokens_each_reach_their_own(home: Path) -> None:
    with OtlpReceiver() as one, OtlpReceiver() as two:
        for destination, tool in (("1" * 32, "one"), ("2" * 32, "two"), ("3" * 32, "three")):
            with Recorder(home, destination=destination) as host:
                host.tell("span", name=tool)
                host.kill()
        assert drain_once(home, config_for(one.base, token="Bearer one"), "1" * 32)
        assert drain_once(home, config_for(two.base, token="Bearer two"), "2" * 32)
        assert (names(one), names(two)) == (["one"], ["two"])
        assert {got.headers["authorization"] for got in one.requests} == {"Bearer one"}
        assert {got.headers["authorization"] for got in two.requests} == {"Bearer two"}
    states = {state.destination: state for state in read_states(str(home))}
    waiting = states["2" * 32].elsewhere
    assert {where: entry["runs"] for where, entry in waiting.items()} == {"3" * 32: 1}
    text = "".join(path.read_text(errors="replace") for path in (home / "drain").rglob("*") if path.is_file())
    assert not any(secret in text for secret in ("Bearer", "127.0.0.1"))


def test_runs_from_before_any_endpoint_wait_until_they_are_adopted(
    home: Path, receiver: OtlpReceiver
) -> None:
    with Recorder(home, destination="") as host:
        host.tell("span", name="early")
        host.kill()
    assert drain_once(home, config_for(receiver.base))
    assert receiver.requests == []
    assert drain_once(home, config_for(receiver.base), adopt=("",))
    assert names(receiver) == ["early"]


def test_what_was_produced_was_delivered_or_is_counted_as_lost(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(
        lambda got: Answer(status=400) if got.signal == "logs" and b"line-13" in raw(got) else None
    )
    with Recorder(home) as host:
        produced = host.tell("log", body="line", count=50)
        host.tell("lose", reason="storm", count=7)
        host.kill()
    (segment,) = host.folder.glob("*.bulk.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"line-25")] ^= 1
    segment.write_bytes(data[: data.rindex(b"line-49")])
    assert drain_once(home, config_for(receiver.base))
    (state,) = read_states(str(home))
    assert state.lost == {"storm": 7, "damaged": 1, "torn": 1, "poison": 1}
    assert state.signals["logs"].delivered == len(receiver.logs())
    ours = state.signals["logs"].delivered - 1
    assert produced == ours + sum(state.lost.values()) - state.lost["storm"]
    assert state.queue_records == 0


def raw(got: Received) -> bytes:
    return got.message.SerializeToString() if got.message is not None else b""


def test_losses_are_counted_once_however_often_drains_come_and_go(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("log", body="line")
        host.tell("lose", reason="storm", count=7)
        for _ in range(3):
            assert drain_once(home, config_for(receiver.base))
        host.tell("lose", reason="storm", count=2)
        host.kill()
    for _ in range(2):
        assert drain_once(home, config_for(receiver.base))
    (state,) = read_states(str(home))
    assert state.lost == {"storm": 9}
    lost = [one.record for one in receiver.metrics() if one.record.name == "clientobs.records.lost"]
    assert lost[-1].sum.data_points[0].as_int == 9


def test_a_signal_that_is_refused_holds_up_no_other_and_is_told(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(status=401) if got.signal == "traces" else None)
    with Recorder(home) as host:
        host.tell("span", name="secret", count=10)
        host.tell("log", body="line", count=10)
        host.kill()
    for _ in range(2):
        assert not drain_once(home, config_for(receiver.base))
    (state,) = read_states(str(home))
    assert state.signals["traces"].verdict == "hold"
    assert "401" in state.signals["traces"].reason
    assert state.signals["traces"].retry_ns > time.time_ns()
    assert state.queue_records == 10
    assert len(receiver.logs()) == 11
    receiver.answer_if(None)
    assert drain_once(home, config_for(receiver.base))
    assert len(receiver.spans()) == 10
    assert len(receiver.logs()) == 11


def test_an_endpoint_that_hangs_holds_up_only_its_signal(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(hang=True) if got.signal == "traces" else None)
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        host.tell("span", name="stuck")
        receiver.wait_for(lambda: [got for got in receiver.requests if got.signal == "traces"])
        host.tell("log", body="through")
        receiver.wait_for(lambda: len(receiver.logs()) == 1, timeout=1.9)


def test_a_signal_without_endpoint_is_let_go_and_counted(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="wanted")
        host.tell("log", body="unwanted", count=3)
        host.end()
    assert drain_once(home, config_for(receiver.base, signals="traces"))
    assert names(receiver) == ["wanted"]
    (state,) = read_states(str(home))
    assert state.lost == {"no_endpoint": 4}


def test_flush_returns_when_all_that_was_recorded_has_arrived(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        host.tell("span", name="work", count=20)
        host.tell("log", body="line", count=20)
        host.tell("count", name="frames")
        host.tell("start", name="open")
        assert flush(str(host.folder), timeout=5)
        assert (len(receiver.spans()), len(receiver.logs())) == (20, 20)
        assert "frames" in [one.record.name for one in receiver.metrics()]
        assert not (host.folder / "flush").exists()


def test_flush_waits_neither_for_company_nor_for_the_end_of_a_pause(
    home: Path, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(home) as host, running(make_service(home, config_for(receiver.base))):
        receiver.answer(503, headers=(("retry-after", "600"),))
        host.tell("log", body="urgent", lane="vital")
        receiver.wait_for(lambda: receiver.requests)
        monkeypatch.setattr("clientobs.drain.lines.LINGER", 3600.0)
        host.tell("span", name="work")
        assert flush(str(host.folder), timeout=10)
        assert (len(receiver.spans()), len(receiver.logs())) == (1, 1)


def test_flush_gives_up_in_time_where_nothing_answers(home: Path) -> None:
    with Recorder(home) as host:
        host.tell("span", name="work")
        assert not flush(str(host.folder), timeout=0.1)


def test_one_drain_of_a_home_measures_the_machine(home: Path, receiver: OtlpReceiver) -> None:
    with OtlpReceiver() as other:
        with Recorder(home, destination="1" * 32) as one, Recorder(home, destination="2" * 32) as two:
            one.tell("span", name="one")
            two.tell("span", name="two")
            first = DrainProcess(home, receiver.base, "1" * 32)
            receiver.wait_for(lambda: "system.memory.limit" in [m.record.name for m in receiver.metrics()])
            second = DrainProcess(home, other.base, "2" * 32)
            other.wait_for(other.spans)
            first.stop()
            second.stop()
        assert "system.memory.limit" not in [metric.record.name for metric in other.metrics()]
        assert [state.measuring for state in read_states(str(home))] == [True, False]


def test_old_metrics_expire_long_before_old_logs(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("count", name="frames")
        host.tell("log", body="line")
        host.kill()
    ages = Ages(boot_id=boot_id(), mono=lambda: time.monotonic_ns() + 2 * 3600 * 10**9)
    assert drain_once(home, config_for(receiver.base), ages=ages)
    assert "frames" not in [one.record.name for one in receiver.metrics()]
    assert "line" in [log.record.body.string_value for log in receiver.logs()]
    (state,) = read_states(str(home))
    assert state.lost == {"expired": 1}


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_is_a_day_off_expires_nothing_and_keeps_the_order(
    home: Path, receiver: OtlpReceiver, days: int
) -> None:
    with Recorder(home, clock_shift_s=days * 86_400) as host:
        host.tell("count", name="frames")
        host.tell("log", body="line", count=20)
        host.tell("start", name="open")
        host.kill()
    ages = Ages(boot_id=boot_id(), wall=lambda: time.time_ns() + 40 * days * 86_400 * 10**9)
    assert drain_once(home, config_for(receiver.base), ages=ages)
    assert "frames" in [one.record.name for one in receiver.metrics()]
    lines = [log.record.body.string_value for log in receiver.logs() if not log.record.event_name]
    assert lines == [f"line-{number}" for number in range(20)]
    (span,) = receiver.spans()
    assert span.record.start_time_unix_nano <= span.record.end_time_unix_nano
    (state,) = read_states(str(home))
    assert state.lost == {}


@pytest.mark.parametrize("live_turn", [True, False])
def test_urgent_records_go_before_what_is_live_and_before_the_backlog(
    home: Path, receiver: OtlpReceiver, live_turn: bool
) -> None:
    with Recorder(home, segment_bytes=64 << 10) as host:
        host.tell("log", body="late", count=3000)
        host.kill()
    with Recorder(home) as host:
        host.tell("log", body="crashed", lane="vital", event="app.crash")
        host.kill()
    with Recorder(home) as host:
        host.tell("log", body="live", count=3000)
        service = make_service(home, config_for(receiver.base))
        service._logs._dispatch._live_turn = live_turn
        assert service.once(timeout=20)
        service.close()
    first = next(got for got in receiver.accepted("logs") if raw(got))
    assert b"app.crash" in raw(first)


def test_the_drain_leaves_when_nothing_records_and_nothing_waits(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home) as host:
        host.tell("span", name="work")
        host.end()
    service = make_service(home, config_for(receiver.base))
    assert service.run(threading.Event(), idle_seconds=0.1) == "idle"
    service.close()
    assert names(receiver) == ["work"]
    (state,) = read_states(str(home))
    assert (state.phase, state.pid, state.runs_alive) == ("left", os.getpid(), 0)


def test_the_drain_stays_while_an_endpoint_is_away(home: Path, receiver: OtlpReceiver) -> None:
    receiver.answer_if(lambda got: Answer(status=503))
    with Recorder(home) as host:
        host.tell("span", name="work")
        host.end()
    service = make_service(home, config_for(receiver.base))
    service.step(eager=True)
    receiver.wait_for(lambda: receiver.requests)
    assert not service.idle
    service.close()


def test_what_a_dead_run_held_at_the_moment_is_taken_out_of_the_total(
    home: Path, receiver: OtlpReceiver
) -> None:
    with Recorder(home) as host:
        host.tell("count", name="open", value=3, monotonic=False)
        with running(make_service(home, config_for(receiver.base))):
            receiver.wait_for(lambda: values(receiver, "open") == [3])
            host.kill()
            with Recorder(home) as other:
                other.tell("count", name="open", value=1, monotonic=False)
                receiver.wait_for(lambda: values(receiver, "open")[-1] == 1)


def values(receiver: OtlpReceiver, name: str) -> list[int]:
    return [one.record.sum.data_points[0].as_int for one in receiver.metrics() if one.record.name == name]


def test_two_drains_do_not_both_adopt_what_has_no_destination(home: Path) -> None:
    with Recorder(home, destination="") as host:
        host.tell("span", name="early")
        host.kill()
    with OtlpReceiver() as one, OtlpReceiver() as two:
        first = DrainProcess(home, one.base, "1" * 32, adopt="")
        one.wait_for(lambda: names(one) == ["early"])
        with Recorder(home, destination="") as host:
            host.tell("span", name="early too")
            host.kill()
            assert drain_once(home, config_for(two.base), "2" * 32, adopt=("",))
            one.wait_for(lambda: names(one) == ["early", "early too"])
        assert two.requests == []
        first.stop()


def test_live_records_and_a_backlog_take_turns_and_do_not_mix(home: Path, receiver: OtlpReceiver) -> None:
    with Recorder(home, segment_bytes=64 << 10) as host:
        host.tell("log", body="late", count=5000)
        host.kill()
    with Recorder(home) as host:
        host.tell("log", body="live", count=10)
        assert drain_once(home, config_for(receiver.base))
    kinds = [
        {
            log.body.string_value[:4]
            for group in got.message.resource_logs
            for scoped in group.scope_logs
            for log in scoped.log_records
            if not log.event_name
        }
        for got in receiver.accepted("logs")
    ]
    assert all(len(kind) <= 1 for kind in kinds)
    assert {"live"} in kinds[:3]
    assert len(receiver.logs()) == 5011


def test_the_next_drain_tells_the_machine_as_it_is_and_not_twice(home: Path, receiver: OtlpReceiver) -> None:
    for _ in range(2):
        with Recorder(home) as host:
            host.tell("span", name="work")
            assert drain_once(home, config_for(receiver.base))
    assert values(receiver, "system.memory.limit")[-1] == psutil.virtual_memory().total


def test_a_drain_without_any_endpoint_is_refused(home: Path) -> None:
    with pytest.raises(DeliveryError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        make_service(home, Config())
