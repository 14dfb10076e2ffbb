"""`clientobs report`: record what a person says is wrong, and print the code; or bundle the last minutes."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import clientobs
from clientobs import semconv
from clientobs._loss import LossLedger
from clientobs.cli.main import DONE, USAGE, WRONG
from clientobs.cli.parser import command_parser
from clientobs.cli.screen import open_screen
from clientobs.cli.text import number, size
from clientobs.config.destination import destination_key
from clientobs.config.environment import disabled_by
from clientobs.config.resolve import resolve
from clientobs.drain.hangs.witness import Witness
from clientobs.drain.lock import file_of, look
from clientobs.drain.runs.flush import flush
from clientobs.errors import NoJournalError
from clientobs.journal.home import prepare
from clientobs.paths.mounts import MountTable
from clientobs.privacy.redaction import Redactor
from clientobs.record.codes import new_code
from clientobs.record.problems import emit_report
from clientobs.record.recorder import active
from clientobs.record.vitals import machine_vitals
from clientobs.runtime.delivery import Delivery
from clientobs.runtime.doctor import examine
from clientobs.viewer.bundles.write import write_bundle
from clientobs.viewer.homes import existing_home, runs_folder
from clientobs.viewer.recordings import Recordings
from clientobs.viewer.witnessed import find_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.cli.main import Invocation
    from clientobs.cli.screen import Screen
    from clientobs.config.model import Config
    from clientobs.config.resolve import Resolved
    from clientobs.journal.home import Home
    from clientobs.journal.writer import Journal
    from clientobs.viewer.witnessed import Session

__all__ = ["run"]

_SERVICE: Final = "clientobs-report"
_MIB: Final = 1024 * 1024
_DELIVERY_SECONDS: Final = 5.0
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
    try:
        if options.bundle:
            answer["bundle"] = _bundle(options, resolved, invocation)
    finally:  # the report is made, whatever became of the bundle
        if options.json and answer:
            screen.json(answer)
        else:
            _tell(answer, screen)
    return outcome


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("report", __doc__, epilog=_EPILOG)
    parser.add_argument("message", nargs="*", help="what is wrong, in any language")
    parser.add_argument(
        "--session",
        metavar="ID",
        help="the session it is about (default: the one it is called from, that runs, or was last)",
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
    """Record the report; return its code, "" where it was not, and whether it has arrived."""
    if active() is not None:  # called from within an application that records: it speaks for itself
        code = clientobs.report_problem(words)
        return code, bool(code) and clientobs.flush(_DELIVERY_SECONDS)
    if resolved.config.disabled or disabled_by(invocation.environ):
        return "", False
    try:
        home = existing_home(resolved.config, invocation.environ)
        about = find_session(home, session, leave_out=_SERVICE)
    except NoJournalError:
        about = None
    if about is None:
        return _report_alone(words, session)
    return _report_about(words, about, home, resolved.config, invocation.environ)


def _report_about(
    words: str, about: Session, home: str, config: Config, environ: Mapping[str, str]
) -> tuple[str, bool]:
    """Record it under the session that it is about: with its resource, its trace of now, its context."""
    place = prepare(home, uid=os.getuid() if hasattr(os, "getuid") else None)
    witness = Witness(config, place, about.header)
    code = new_code()
    own = {semconv.PROBLEM_CODE: code, semconv.PROBLEM_MESSAGE: words}
    landed = witness.say(
        semconv.PROBLEM_REPORT,
        f"Problem reported ({code}): {words}",
        {**own, **machine_vitals(), **about.attributes},
        wall_ns=time.time_ns(),
        production={**about.production, semconv.SESSION_ID: about.header.session},
        span=about.span,
        severity="warn",
    )
    witness.close("clientobs report")
    return (code, _deliver(witness.journal, place, config, environ)) if landed else ("", False)


def _deliver(journal: Journal, home: Home, config: Config, environ: Mapping[str, str]) -> bool:
    """Ask for delivery, by the drain of the session that it is about; start one where it is our own endpoint."""
    destination = journal.identity.destination
    if destination == destination_key(config.delivery, home.secret):
        delivery = Delivery(
            config=config,
            home=home,
            destination=destination,
            environ=environ,
            exit_flush=0.0,
            is_network=MountTable.of_this_machine().is_network,
        )
        return delivery.flush(journal, _DELIVERY_SECONDS)
    if destination and look(file_of(home.path, destination, "lock")) is not None:
        return flush(journal.path, _DELIVERY_SECONDS)
    return False


def _report_alone(words: str, session: str | None) -> tuple[str, bool]:
    """Record it in a session of its own, where nothing has been recorded that it could be about."""
    # No terminal makes it interactive: a session that only reports is no artist's, and counts as none.
    clientobs.init(_SERVICE, profile="minimal", session_kind="batch", instruments=())
    try:
        recorder = active()
        found = machine_vitals()  # this process's own memory and threads would say nothing
        if session:
            found[semconv.PROBLEM_SESSION] = session
        code = emit_report(recorder, new_code(), words, found) if recorder is not None else ""
        return code, bool(code) and clientobs.flush(_DELIVERY_SECONDS)
    finally:
        clientobs.shutdown(0)


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
