"""Processes: every child process from launch to exit, in the trace of the program that started it.

Patched: methods of `subprocess.Popen` (and what it launches by), `os.system`, `os.spawn*`, `os.posix_spawn*`,
`os.exec*`, `os.startfile`, `os.waitpid` and its family, `os.kill` and `os.killpg`. What stands on Popen is seen too:
run, call, check_output, os.popen, asyncio's subprocesses.

Emitted: one span for each child, from launch to exit, by the name of the program; `process.failed` with a sentence
for one that failed; metrics of launches, failures and durations. Children get TRACEPARENT, TRACESTATE and BAGGAGE.

Costs: docs/explanation/processes.md, measured: a span, and the environment read once more.

Can't see: children of C and C++ code (a renderer that starts its own), the end of a child that somebody else reaps,
what a child does inside, unless it uses clientobs or OpenTelemetry itself.
"""

from __future__ import annotations

from typing import Any

from clientobs.instruments.processes.rules import expected_exit

__all__ = ["SubprocessInstrumentor", "expected_exit"]


def __getattr__(name: str) -> Any:
    if name == "SubprocessInstrumentor":
        # Its base class takes 90 ms to import: only who asks for it by this name pays.
        from clientobs.instruments.instrumentors import SubprocessInstrumentor  # noqa: PLC0415

        return SubprocessInstrumentor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
