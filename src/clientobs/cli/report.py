"""`clientobs report`: record what a person says is wrong, and print the code; or bundle the last minutes."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import clientobs
from clientobs import semconv
from clientobs._loss import LossLedger
from clientobs.cli.main import DONE, USAGE, WRONG
from clientobs.cli.screen import open_screen
from clientobs.cli.text import description, number, size
from clientobs.config.resolve import resolve
from clientobs.errors import NoJournalError
from clientobs.privacy.redaction import Redactor
from clientobs.record.codes import new_code
from clientobs.record.problems import emit_report
from clientobs.record.recorder import active
from clientobs.record.vitals import machine_vitals
from clientobs.runtime.doctor import examine
from clientobs.viewer.bundles.write import write_bundle
from clientobs.viewer.homes import existing_home, runs_folder
from clientobs.viewer.overview import overview
from clientobs.viewer.recordings import Recordings

if TYPE_CHECKING:
    from clientobs.cli.main import Invocation
    from clientobs.cli.screen import Screen
    from clientobs.config.resolve import Resolved

__all__ = ["run"]

_SERVICE: Final = "clientobs-report"
_MIB: Final = 1024 * 1024
_DELIVERY_SECONDS: Final = 5.0
_ERROR: Final = 17
_MOST: Final = 10
_EPILOG: Final = """\
examples:
  clientobs report "the publish button does nothing"     prints a code like K7Q-3FD
  clientobs report --bundle problem.zip                  the last hour, for a machine without a network
  clientobs report --bundle problem.zip "it hangs"       both

exit codes: 0 done, 1 the report could not be recorded, 2 wrong arguments"""


def run(invocation: Invocation) -> int:
    """Report, bundle, or both."""
    parser = _parser()
    options = parser.parse_args(invocation.arguments)
    words = " ".join(options.message).strip()
    if not words and not options.bundle:
        parser.print_usage(invocation.stderr)
        print("clientobs report: say what is wrong, or name a file by --bundle", file=invocation.stderr)
        return USAGE
    resolved = resolve({}, environ=invocation.environ, strict=False)
    screen = open_screen(invocation.stdout, invocation.environ)
    answer: dict[str, Any] = {}
    outcome = DONE
    if words:
        answer["code"], answer["delivered"] = _report(words, resolved, invocation, options.session)
        outcome = DONE if answer["code"] else WRONG
    if options.bundle:
        answer["bundle"] = _bundle(options, resolved, invocation)
    if options.json:
        screen.json(answer)
    else:
        _tell(answer, screen)
    return outcome


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clientobs report",
        description=description(__doc__),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("message", nargs="*", help="what is wrong, in any language")
    parser.add_argument(
        "--session", metavar="ID", help="the session it is about (default: the last one here)"
    )
    parser.add_argument(
        "--bundle", metavar="OUT.zip", help="write the last minutes of this machine's journals"
    )
    parser.add_argument("--minutes", type=_positive, default=60.0, help="how far back (default: 60)")
    parser.add_argument(
        "--max-size", type=_positive, default=32.0, metavar="MIB", help="of the bundle (default: 32)"
    )
    parser.add_argument("--home", metavar="FOLDER", help="bundle another journal than the one in use")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:  # noqa: PLR2004  # also keeps NaN and infinity out
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def _report(words: str, resolved: Resolved, invocation: Invocation, session: str | None) -> tuple[str, bool]:
    """Record the report in a session of its own that points at the one it is about."""
    about = _about(resolved, invocation, session)
    # No terminal makes it interactive: a session that only reports is no artist's, and counts as none.
    clientobs.init(_SERVICE, profile="minimal", session_kind="batch", instruments=())
    try:
        recorder = active()
        found = {**machine_vitals(), **about}  # this process's own memory and threads would say nothing
        code = emit_report(recorder, new_code(), words, found) if recorder is not None else ""
        return code, bool(code) and clientobs.flush(_DELIVERY_SECONDS)
    finally:
        clientobs.shutdown(0)


def _about(resolved: Resolved, invocation: Invocation, wanted: str | None) -> dict[str, Any]:
    """Return the attributes that lead to the session that is meant: its id, its errors, its last traces."""
    try:
        home = existing_home(resolved.config, invocation.environ)
    except NoJournalError:
        return {semconv.PROBLEM_SESSION: wanted} if wanted else {}
    views = [
        view
        for view in overview(home).runs
        if view.run.text(semconv.SERVICE_NAME) != _SERVICE
        and (view.run.session.startswith(wanted) if wanted else view.run.role == "main")
    ]
    if not views:
        return {semconv.PROBLEM_SESSION: wanted} if wanted else {}
    run_ = max(views, key=lambda view: (view.run.alive, view.written_ns)).run
    recordings = Recordings(runs_folder(home))
    for folder, segment in recordings.newest_first():
        if folder.run == run_.run:
            recordings.read(folder, segment)
    book = recordings.book
    errors = sorted(
        (log for log in book.logs() if log.record.severity >= _ERROR), key=lambda log: log.time_ns
    )
    traces = [book.trace(trace_id) for trace_id in book.ids()[::-1][:_MOST]]
    names = [trace.roots[0].record.name if trace.roots else "(logs only)" for trace in traces]
    return {
        semconv.PROBLEM_SESSION: run_.session,
        semconv.PROBLEM_TRACES: [f"{trace.trace_id:032x}" for trace in traces],
        semconv.PROBLEM_TRACE_NAMES: [
            f"{name} ({trace.state})" for name, trace in zip(names, traces, strict=True)
        ],
        semconv.PROBLEM_ERRORS: [str(log.record.body)[:500] for log in errors[-_MOST:]],
    }


def _bundle(options: argparse.Namespace, resolved: Resolved, invocation: Invocation) -> dict[str, Any]:
    home = options.home or existing_home(resolved.config, invocation.environ)
    # The endpoint is not asked: this is for machines without a network, where asking waits.
    report = examine(resolved, invocation.environ, network=False)
    redactor = Redactor(resolved.config.privacy, resolved.config.limits, LossLedger())
    made = write_bundle(
        options.bundle,
        Recordings(runs_folder(home)),
        since_ns=time.time_ns() - int(options.minutes * 60e9),
        most_bytes=int(options.max_size * _MIB),
        doctor=report.as_dict(),
        doctor_text=str(report),
        redact=lambda text: redactor.text(text, len(text) + 1),
    )
    return {
        "path": made.path,
        "bytes": made.size,
        "runs": made.runs,
        "records": made.records,
        "attachments": made.attachments,
        "left_out": made.left_out,
    }


def _tell(answer: dict[str, Any], screen: Screen) -> None:
    if "code" in answer:
        if answer["code"]:
            screen.line((answer["code"], "strong"))
            where = (
                "It has arrived."
                if answer["delivered"]
                else "It is kept here, and sent when that can be done."
            )
            print(f"Tell this code to support. {where}", file=sys.stderr)
        else:
            print("Not recorded: `clientobs doctor` says why. Tell support in words.", file=sys.stderr)
    bundle = answer.get("bundle")
    if bundle:
        held = f"{number(bundle['records'], 'record')} of {number(bundle['runs'], 'run')}"
        screen.line((bundle["path"], "strong"), (f"  {size(bundle['bytes'])}, {held}", "dim"))
        if bundle["left_out"]:
            screen.line(
                (f"left out for its size: {number(bundle['left_out'], 'part')}; --max-size raises it", "warn")
            )
