"""A real process with a real journal, told line by line what to record; the drain's tests kill it.

    with Recorder(home) as host:
        host.tell("span", name="render", count=3)
        host.kill()

As a program it reads commands from stdin, one JSON list a line, and answers each with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clientobs._clock import Clock
from clientobs._ids import ids
from clientobs._loss import LossLedger
from clientobs.config.model import JournalConfig
from clientobs.journal.format import Kind, Lane, encode_payload
from clientobs.journal.home import prepare
from clientobs.journal.writer import Journal, RunIdentity

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[2]


class Recorder:
    """The process, from the outside."""

    def __init__(self, home: Path, *, destination: str = "d" * 32, **options: Any) -> None:
        self.run = ids.hex_id()
        self.session = ids.hex_id()
        self.home = home
        arguments = json.dumps(
            {
                "home": str(home),
                "run": self.run,
                "session": self.session,
                "destination": destination,
                **options,
            }
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.recorder", arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    @property
    def folder(self) -> Path:
        return self.home / "v1" / self.run

    def tell(self, command: str, **options: Any) -> Any:
        """Have one command carried out, and return its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([command, options]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Let it close its journal and exit."""
        self.tell("close")
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Host:
    """The process, from the inside: one method a command."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.clock = Clock()
        if shift := options.get("clock_shift_s"):
            self.clock = Clock(wall=lambda: Clock().now() + int(shift * 1e9))
        self.loss = LossLedger()
        identity = RunIdentity(
            run=options["run"],
            session=options["session"],
            role=options.get("role", "main"),
            destination=options["destination"],
            version="1.0",
            resource={
                "service.name": options.get("service", "publish"),
                "service.instance.id": options["run"],
                "host.name": "ws-12",
                "app.installation.id": "installation",
                "telemetry.distro.name": "clientobs",
            },
        )
        config = JournalConfig(
            segment_bytes=options.get("segment_bytes", 1 << 20),
            bulk_bytes=options.get("bulk_bytes", 256 << 20),
            free_floor_bytes=0,
        )
        home = prepare(options["home"], uid=os.getuid() if os.name == "posix" else None)
        self.journal = Journal(home, identity, config=config, clock=self.clock, loss=self.loss)
        self.context = self.journal.context_number(
            "production", {"production.shot": "sq010_sh020", "session.id": options["session"]}
        )
        self.scope = self.journal.context_number("scope", {"name": "tests", "version": "1"})
        self.open: dict[str, tuple[tuple[int, int], tuple[Any, ...]]] = {}

    def span(self, name: str, count: int = 1, lane: Lane = "bulk") -> int:
        for number in range(count):
            self.start(f"{name}-{number}" if count > 1 else name)
            self.finish(f"{name}-{number}" if count > 1 else name, lane=lane)
        return count

    def start(self, name: str) -> None:
        now, mono = self.clock.now(), self.clock.mono()
        key = (ids.trace_id(), ids.span_id())
        contexts = (self.context, self.scope)
        head = (*key, 0, name, 0, 1, "", *contexts, now, mono, {"a": 1}, ())
        self.open[name] = (key, head)
        self.journal.span_started(key, encode_payload(head), contexts)

    def finish(self, name: str, lane: Lane = "bulk") -> None:
        key, head = self.open.pop(name)
        ended = (*head, self.clock.now(), 0, "", (), (0, 0, 0))
        self.journal.span_ended(key, encode_payload(ended), lane, (self.context, self.scope))

    def log(self, body: str, count: int = 1, lane: Lane = "bulk", event: str = "") -> int:
        for number in range(count):
            text = f"{body}-{number}" if count > 1 else body
            now = self.clock.now()
            payload = (now, now, 9, "INFO", text, event, {"n": number}, 0, 0, 0, self.context, self.scope)
            self.journal.append(Kind.LOG, encode_payload(payload), lane, (self.context, self.scope))
        return count

    def count(self, name: str, value: int = 1, *, monotonic: bool = True) -> None:
        now = self.clock.now()
        point = ({"a": 1}, value, now, now, ())
        metrics = ((self.scope, name, "1", "", "sum", monotonic, (point,)),)
        self.journal.append(Kind.METRICS, encode_payload((now, metrics)), "bulk", (self.scope,))

    def lose(self, reason: str, count: int) -> None:
        self.loss.add(reason, count)
        self.journal.tend()

    def tend(self) -> None:
        self.journal.tend()

    def close(self, detail: str = "atexit") -> None:
        self.journal.close("exited", detail)


def main() -> int:
    """Carry out commands until stdin ends."""
    host = Host(json.loads(sys.argv[1]))
    for line in sys.stdin:
        command, options = json.loads(line)
        sys.stdout.write(json.dumps(getattr(host, command)(**options)) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
