"""A log record through `logging`: `python -m benchmarks.logs`, about a minute.

Beside the SDK's own handler with batch export over OTLP/HTTP, as its documentation sets it up. Each process logs for
itself; contenders take turns within each round, and the least of the rounds counts. What `logging` itself takes is
measured too and taken off: nobody can save that. CPU is that of all threads of the process until it has shut down.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

from benchmarks.__main__ import ROOT, backend, environment

RECORDS = 20_000
WARM_UP = 500
BUDGET = 0.7
SUPPRESSED_US = 2.0
CONTENDERS = (
    "logging alone",
    "SDK, batch, OTLP/HTTP",
    "clientobs",
    "clientobs, left out",
    "clientobs, too low",
)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.child)))
        return
    least: dict[str, float] = {}
    for _ in range(options.rounds):
        for name in CONTENDERS:
            least[name] = min(least.get(name, 1e9), measured(name))
    alone = least["logging alone"]
    print("| CPU per record, us | whole | over logging alone |\n| --- | ---: | ---: |")
    for name in CONTENDERS:
        print(f"| {name} | {least[name]:.1f} | {least[name] - alone:.1f} |")
    sdk, ours = least["SDK, batch, OTLP/HTTP"] - alone, least["clientobs"] - alone
    left_out = least["clientobs, left out"] - alone
    print(f"\nover logging alone: {ours / sdk:.2f}x the SDK's handler, budget {BUDGET}x")
    print(f"one that is left out: {left_out:.2f} us, budget {SUPPRESSED_US} us")


def measured(name: str) -> float:
    """Run one contender in a process of its own, with a backend that answers."""
    with backend("ok") as (endpoint, _), environment(endpoint) as environ:
        command = [sys.executable, "-m", "benchmarks.logs", "--child", name]
        done = subprocess.run(
            command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return float(json.loads(done.stdout.splitlines()[-1]))


def child(name: str) -> float:
    """Log; return the microseconds of CPU per record."""
    logger = logging.getLogger("studio.publish")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    stop = start(name, logger)
    log(logger, WARM_UP)
    time.sleep(1)  # what starts beside a contender has started
    began = time.process_time_ns()
    log(logger, RECORDS)
    stop()
    return (time.process_time_ns() - began) / RECORDS / 1e3


def log(logger: logging.Logger, count: int) -> None:
    """Write records as a tool does: arguments, and two fields of its own."""
    for number in range(count):
        logger.info("frame %d of %s", number, "sh010", extra={"shot": "sh010", "frame": number})


def start(name: str, logger: logging.Logger) -> Callable[[], object]:
    """Set a contender up; return what ends it."""
    if name == "logging alone":
        return int
    if name.startswith("SDK"):
        return start_sdk(logger)
    import clientobs  # noqa: PLC0415

    rate = 1 if name.endswith("left out") else 1_000_000_000
    level = "warning" if name.endswith("too low") else "info"
    clientobs.init("bench", instruments=["logs"], logs={"per_minute": rate, "level": level})
    return clientobs.shutdown


def start_sdk(logger: logging.Logger) -> Callable[[], object]:
    """Set the SDK up as its documentation does."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler  # noqa: PLC0415
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: PLC0415

    warnings.simplefilter("ignore")
    provider = LoggerProvider()
    # A queue that holds them all: what it drops costs nothing, and would flatter it.
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), max_queue_size=2 * RECORDS))
    logger.addHandler(LoggingHandler(logger_provider=provider))
    return provider.shutdown


if __name__ == "__main__":
    main()
