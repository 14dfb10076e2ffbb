"""`clientobs demo`: publish two shots, one of which fails, and show both traces as the journal has them."""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import clientobs
from clientobs.cli import show
from clientobs.cli.demo.ffmpeg import FfmpegMissingError, find_ffmpeg
from clientobs.cli.demo.publish import Outcome, Publisher, press_publish
from clientobs.cli.demo.shots import SHOTS
from clientobs.cli.main import DONE, USAGE, WRONG
from clientobs.cli.parser import command_parser
from clientobs.cli.screen import open_screen
from clientobs.cli.text import duration, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs import Runtime
    from clientobs.cli.main import Invocation
    from clientobs.cli.screen import Line, Screen

__all__ = ["run"]

_SERVICE: Final = "shot-publisher"
_DELIVERY_SECONDS: Final = 10.0


def run(invocation: Invocation) -> int:
    """Publish, then show; exit code 1 where a publish did not end as it was written to."""
    options = _parser().parse_args(invocation.arguments)
    screen = open_screen(invocation.stdout, invocation.environ)
    try:
        ffmpeg = find_ffmpeg()
    except FfmpegMissingError as error:
        print(f"clientobs demo: {error}", file=invocation.stderr)
        return USAGE
    runtime = clientobs.init(_SERVICE, version=clientobs.__version__)
    if not runtime.running:
        print(f"clientobs demo: nothing is recorded: {runtime.reason}", file=invocation.stderr)
        return USAGE
    if not options.json:
        screen.line(("Publishing two shots of the show comet with a real ffmpeg.", "strong"))
    with _work_folder(options.folder) as folder:
        publisher = Publisher(ffmpeg=ffmpeg, nas=folder / "nas", scratch=folder / "scratch")
        publisher.scratch.mkdir(parents=True, exist_ok=True)
        outcomes = []
        for shot in SHOTS:
            outcomes.append(press_publish(publisher, shot))
            if not options.json:
                screen.lines([_line_of(outcomes[-1])])
    delivered = clientobs.flush(_DELIVERY_SECONDS) if runtime.config.delivery.configured else None
    clientobs.shutdown()
    if options.json:
        publishes = [asdict(outcome) for outcome in outcomes]
        screen.json(
            {"run": runtime.run, "home": runtime.home, "delivered": delivered, "publishes": publishes}
        )
    else:
        screen.line(("", ""))
        for outcome in outcomes:
            show.run(replace(invocation, arguments=[outcome.trace_id]))
        _closing_words(screen, runtime, delivered)
    return DONE if [outcome.error is None for outcome in outcomes] == [True, False] else WRONG


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("demo", __doc__)
    parser.add_argument(
        "--folder", type=Path, help="keep what is published in this folder (default: one that is removed)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document: the outcomes, no trees")
    return parser


@contextmanager
def _work_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="clientobs-demo-") as folder:
        yield Path(folder)


def _line_of(outcome: Outcome) -> Line:
    name = f"{outcome.shot} v{outcome.version:03d}"
    took = (duration(round(outcome.seconds * 1e9)), "duration")
    if outcome.error is None:
        return [("  ", ""), ("✓ ", "ok"), (f"{name} published, ", ""), took]
    return [("  ", ""), ("✗ ", "failed"), (f"{name} failed: {visible(outcome.error)}, ", ""), took]


def _closing_words(screen: Screen, runtime: Runtime, delivered: bool | None) -> None:
    if delivered is None:
        say = "set" if os.name == "nt" else "export"
        screen.line(
            ("To see this in Grafana, name the OTLP endpoint that you have and run it again:", "strong")
        )
        screen.line(("  ", ""), (f"{say} OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318", "value"))
        return
    place = _place(runtime)
    if delivered:
        screen.line((f"Delivered to {place}.", "ok"), (" In Grafana, search Tempo for:", ""))
        screen.line(("  ", ""), (f'{{ resource.service.name = "{_SERVICE}" }}', "value"))
        return
    screen.line((f"{place} has not acknowledged everything yet;", "warn"), (" the drain goes on trying:", ""))
    screen.line(("  ", ""), ("clientobs status", "value"))


def _place(runtime: Runtime) -> str:
    """Return host and port of the endpoint: the rest of a URL may hold a credential."""
    delivery = runtime.config.delivery
    endpoint = delivery.traces or delivery.logs or delivery.metrics
    address = urlsplit(endpoint.url if endpoint else "")
    return f"{address.hostname}:{address.port}" if address.port else (address.hostname or "the endpoint")
