"""Tools of a studio as scripts of their own, run on a `Workstation`; and what the endpoint received of them.

A tool knows nothing of clientobs but init() and a span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

__all__ = ["RUN_SCRIPT", "failures", "run_tool", "script_of", "span"]

_ERROR: Final = 2
_WARN: Final = 13
RUN_SCRIPT: Final = (
    "import runpy; sys.argv[:2] = sys.argv[1:2]; runpy.run_path(sys.argv[0], run_name='__main__')"
)
"""The program of a host that runs the script of its first argument."""


def run_tool(desk: Workstation, source: str, *arguments: object) -> None:
    """Run a tool to its good end."""
    desk.run(RUN_SCRIPT, script_of(desk, source), *(str(one) for one in arguments))


def script_of(desk: Workstation, source: str) -> str:
    """Write a tool down, as the file that its tracebacks name."""
    script = desk.folder / "tool.py"
    script.write_text(source.lstrip(), encoding="utf-8")
    return str(script)


def span(receiver: OtlpReceiver, name: str) -> Telemetry:
    """Return the one span of that name, once the session has ended and all of it has arrived."""
    receiver.wait_for(lambda: any(one.record.event_name == "session.end" for one in receiver.logs()), 30)
    receiver.wait_for(lambda: any(one.record.name == name for one in receiver.spans()), 30)
    (found,) = [one for one in receiver.spans() if one.record.name == name]
    return found


def failures(receiver: OtlpReceiver) -> list[str]:
    """Return everything that says that something went wrong: spans with status error, events, exceptions."""
    told = [one.record.name for one in receiver.spans() if one.record.status.code == _ERROR]
    told += [one.record.event_name for one in receiver.logs() if one.record.severity_number >= _WARN]
    return told
