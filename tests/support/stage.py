"""Hosts that run side by side over one home and one drain, told apart by the name of their service.

with OtlpReceiver() as receiver, Workstation(folder, receiver.base) as desk:
    stage = Stage(desk, receiver, HEAD)         # HEAD calls clientobs.init(sys.argv[1], ...)
    stage.start("slow", "with clientobs.span('x'): ...")
    stage.event("slow", "session.end")
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from clientobs._beat import Beat, read_beat
from support.workstation import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Host, Workstation

__all__ = ["Stage"]


class Stage:
    """A workstation, its hosts by name, and what arrived of each."""

    def __init__(self, desk: Workstation, receiver: OtlpReceiver, head: str) -> None:
        self.desk = desk
        self.receiver = receiver
        self.head = head
        self.hosts: dict[str, Host] = {}

    def start(self, name: str, program: str, *arguments: str, **environ: str) -> Host:
        """Start a host whose program begins with the head."""
        self.hosts[name] = self.desk.start(self.head + program, name, *arguments, environ=environ)
        return self.hosts[name]

    def line_of(self, program: str, text: str) -> int:
        """Return the number of the line that reads `text`, as a traceback of that host counts."""
        return self.desk.command(self.head + program)[4].splitlines().index(text) + 1

    def events(self, name: str, event: str) -> list[Telemetry]:
        """Return what has arrived of a host so far."""
        return [
            log
            for log in self.receiver.logs()
            if log.resource["service.name"] == name and log.record.event_name == event
        ]

    def event(self, name: str, event: str) -> Telemetry:
        """Wait for the one event of that name."""
        self.receiver.wait_for(lambda: self.events(name, event), 30)
        (found,) = self.events(name, event)
        return found

    def span(self, name: str, span: str) -> Telemetry:
        """Wait for the one span of that name."""

        def found() -> list[Telemetry]:
            spans = [one for one in self.receiver.spans() if one.record.name == span]
            return [one for one in spans if one.resource["service.name"] == name]

        self.receiver.wait_for(found, 30)
        (only,) = found()
        return only

    def kill(self, name: str) -> None:
        """Do what an artist does whose application doesn't answer."""
        assert self.hosts[name].kill() == -signal.SIGKILL

    def until_beat(self, run: str, condition: Callable[[Beat], object]) -> None:
        """Wait until the watch over hangs of a run says so, with a drain to see what comes."""
        folder = str(self.desk.home / "v1" / run)
        until(lambda: self.desk.drains() and (beat := read_beat(folder)) is not None and condition(beat))
