"""Forked children: a run of their own under their parent's session, kept and delivered for as long as they live."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.otlp_inbox import Inbox
    from support.workstation import Workstation

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")

DAEMON = """
    runtime = clientobs.init("daemon")
    clientobs.counter("frames").add(300)
    if os.fork():
        os._exit(0)
    os.setsid()
    clientobs.counter("frames").add(5)
    with clientobs.span("in the child"): pass
    say([os.getpid(), runtime.run])
    wait()
    with clientobs.span("late"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_host_that_becomes_a_daemon_goes_on_in_the_child(desk: Workstation, receiver: Inbox) -> None:
    host = desk.start(DAEMON)
    pid, parent_run = host.heard()
    # The metrics come by the child's own keeper, while it lives, and without what its parent had counted.
    receiver.wait_for(lambda: counted(receiver) == 305, 30)
    host.go()
    receiver.wait_for(lambda: "late" in [one.record.name for one in receiver.spans()], 30)
    done, late = receiver.spans()
    for span in (done, late):
        assert span.resource["process.pid"] == pid
        assert span.resource["service.instance.id"] != parent_run
    assert late.attributes["clientobs.interrupted"] is True
    ends = [one for one in receiver.logs() if one.record.event_name == "session.end"]
    assert [end.attributes["session.status"] for end in ends] == ["exited"]
    assert {span.attributes["session.id"] for span in (done, late)} == {ends[0].attributes["session.id"]}
    assert counted(receiver) == 305


def counted(receiver: Inbox) -> int:
    points = [one.record.sum.data_points[0] for one in receiver.metrics() if one.record.name == "frames"]
    return points[-1].as_int if points else 0
