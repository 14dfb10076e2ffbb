"""Where the disk dies with the process (a container, a pod, an autoscaled node), exit waits for delivery."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from support.disks import tmpfs
from support.otlp_receiver import Answer
from support.workstation import Workstation

if TYPE_CHECKING:
    from pathlib import Path

    import psutil

    from support.otlp_receiver import OtlpReceiver

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a process group is killed")

SPANS = 300
TASK = f"""
    clientobs.init("farm-task")
    for number in range({SPANS}):
        with clientobs.span("frame", number=number):
            pass
    clientobs.counter("frames").add({SPANS})
    exec(sys.argv[1])
"""
IN_A_FORKED_CHILD = """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)
def child():
    with clientobs.span("child"):
        clientobs.counter("frames").add(1)
worker = multiprocessing.get_context("fork").Process(target=child)
worker.start()
worker.join()
"""


@pytest.mark.parametrize(
    "end", ["", "sys.exit(0)", "os._exit(0)", "os.execvp('true', ['true'])", IN_A_FORKED_CHILD]
)
def test_all_that_a_pod_recorded_arrives_though_it_vanishes_with_its_drain(
    tmp_path: Path, receiver: OtlpReceiver, end: str
) -> None:
    with (
        tmpfs(tmp_path / "disk", "64m"),  # without the right to mount it is an ordinary folder that vanishes
        Workstation(
            tmp_path, receiver.base, home=tmp_path / "disk/home", KUBERNETES_SERVICE_HOST="10.0.0.1"
        ) as desk,
    ):
        del desk.environ["CLIENTOBS_EXIT_FLUSH"]
        host = desk.start(TASK, end, start_new_session=True)
        assert host.end() == 0
        end_at_once(host.pid, desk.drains())
    numbers = [one.attributes["number"] for one in receiver.spans() if one.record.name == "frame"]
    assert sorted(numbers) == list(range(SPANS))
    events = [one.record.event_name for one in receiver.logs_in_order()]
    replaced = ["process.exec"] if "exec" in end else []
    assert sorted(events) == [*replaced, "session.end", "session.start"]
    assert total(receiver, "frames") == SPANS + (end == IN_A_FORKED_CHILD)
    assert [one.record.name for one in receiver.spans()].count("child") == (end == IN_A_FORKED_CHILD)


def total(receiver: OtlpReceiver, name: str) -> int:
    found = [one.record.sum.data_points[0].as_int for one in receiver.metrics() if one.record.name == name]
    return max(found, default=0)


def end_at_once(group: int, drains: list[psutil.Process]) -> None:
    for drain in drains:
        drain.kill()
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # the host was all of its group


def test_exit_waits_no_longer_than_exit_flush_for_an_endpoint_that_is_away(
    desk: Workstation, receiver: OtlpReceiver
) -> None:
    receiver.answer_if(lambda got: Answer(status=503))
    host = desk.start(TASK, "", environ={"CLIENTOBS_EXIT_FLUSH": "0.3"})
    assert host.end() == 0
    assert receiver.spans() == []
