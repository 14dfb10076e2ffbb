"""Children in numbers, all at once: none is lost, and neither the host nor the drain keeps anything of them."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.workstation import until

if TYPE_CHECKING:
    import psutil

    from support.otlp_inbox import Inbox
    from support.workstation import Host, Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")

WAVES = 4
KIB, MIB = 1 << 10, 1 << 20

RUNS_CHILDREN = """
import gc, subprocess, threading, tracemalloc
from clientobs._guarded import faults
from clientobs.instruments import registry

number = int(sys.argv[1])
clientobs.init("farm-wrangler", exit_flush=0)
desk = registry.active()["processes"]._desk
tracemalloc.start()
FAILS = ["sh", "-c", "cat; echo $0: no licence >&2; exit 3"]

def wave():
    # All read from one pipe until it is closed: so all run at once.
    reading, writing = os.pipe()
    waiting, talking = [], []
    for index in range(number):
        kind = index % 4
        if kind == 0:
            talking.append(subprocess.Popen([*FAILS, str(index)], stdin=reading, stdout=-3, stderr=-1))
        elif kind == 1:
            talking.append(subprocess.Popen(["cat"], stdin=reading, stdout=-1))
        else:
            waiting.append(subprocess.Popen(["cat"], stdin=reading, stdout=-3, close_fds=kind == 2))
    os.close(reading)
    ran = [child.poll() for child in (*waiting, *talking)].count(None), len(desk.by_pid)
    def talk(children):
        for child in children: child.communicate()
    threads = [threading.Thread(target=talk, args=(talking[part::8],)) for part in range(8)]
    os.close(writing)
    for thread in threads: thread.start()
    for child in waiting: child.wait()
    for thread in threads: thread.join()
    return ran

def opened(number):
    try: return os.readlink("/proc/self/fd/" + number).rpartition("/")[2]
    except OSError: return ""  # that of the listing itself

def kept():
    registry.tick()
    gc.collect()
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/clientobs/*")])
    return {
        "descriptors": sorted(map(opened, os.listdir("/proc/self/fd"))), "threads": threading.active_count(),
        "tasks": len(os.listdir("/proc/self/task")), "open": len(desk.open), "by_pid": len(desk.by_pid),
        "bytes": sum(trace.size for trace in ours.traces),
    }

say(None)
while sys.stdin.readline():
    with clientobs.span("wave"):
        ran = wave()
    say({"ran": ran, **kept(), "faults": faults.messages()})
"""


def assert_nothing_is_kept(desk: Workstation, receiver: Inbox, number: int) -> None:
    """Run waves of `number` children at once; after each the host has what it had, and so has the drain."""
    host = desk.start(RUNS_CHILDREN, str(number))
    host.heard()
    at_first = next_wave(host)
    after, drains = [], []
    for wave in range(2, WAVES + 1):
        after.append(next_wave(host))
        wanted = wave * (number + 1)
        receiver.wait_for(functools.partial(has_spans, receiver, wanted), 120)
        drains.append(kept_by(desk.drains()[0]))
    for told in after:
        assert told["ran"] == [number, number]
        assert told["faults"] == {}
        assert (told["open"], told["by_pid"]) == (0, 0)
        assert (without_segments(told), told["threads"]) == (without_segments(at_first), at_first["threads"])
    # What is bounded fills: names, the last traces, and 4,096 texts that redaction has seen, each failure's sentence.
    grown = after[-1]["bytes"] - after[0]["bytes"]
    failures = (len(after) - 1) * len(range(0, number, 4))
    assert grown < 64 * KIB + 200 * failures, f"{grown} bytes more after {(len(after) - 1) * number} children"
    assert drains[-1]["descriptors"] <= drains[0]["descriptors"]
    assert drains[-1]["threads"] <= drains[0]["threads"]
    assert drains[-1]["rss"] - drains[0]["rss"] < 8 * MIB
    assert host.end() == 0
    assert_all_were_told(receiver, number)


def without_segments(told: dict[str, Any]) -> list[str]:
    """Return what is open, but for the journal's segments: one for each lane, and one that is being sealed."""
    names: list[str] = told["descriptors"]
    kept = [name for name in names if not name.endswith(".seg")]
    assert len(names) - len(kept) <= 3
    return kept


def has_spans(receiver: Inbox, wanted: int) -> bool:
    return len(receiver.spans()) >= wanted


def next_wave(host: Host) -> dict[str, Any]:
    host.go()
    told: dict[str, Any] = host.heard(300)
    return told


def kept_by(drain: psutil.Process) -> dict[str, int]:
    return {"descriptors": drain.num_fds(), "threads": drain.num_threads(), "rss": drain.memory_info().rss}


def assert_all_were_told(receiver: Inbox, number: int) -> None:
    spans = [span for span in receiver.spans() if span.record.name != "wave"]
    assert len(spans) == WAVES * number
    outcomes = [span.attributes["process.outcome"] for span in spans]
    assert outcomes.count("failed") == WAVES * len(range(0, number, 4))
    assert set(outcomes) == {"ok", "failed"}
    until(lambda: [one for one in receiver.logs() if one.record.event_name == "process.failed"])


def test_fifty_children_at_once_leave_nothing_behind(desk: Workstation, receiver: Inbox) -> None:
    assert_nothing_is_kept(desk, receiver, 50)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_a_thousand_children_at_once_leave_nothing_behind(desk: Workstation, receiver: Inbox) -> None:
    assert_nothing_is_kept(desk, receiver, 1_000)
