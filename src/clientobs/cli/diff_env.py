"""`clientobs diff-env`: what differs between two sessions, the one where it works and the one where it doesn't."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.cli.main import DONE, WRONG
from clientobs.cli.parser import command_parser
from clientobs.cli.screen import open_screen
from clientobs.cli.text import date_time, number, shorten, visible
from clientobs.config.resolve import resolve
from clientobs.errors import JournalError
from clientobs.viewer.bundles.read import open_bundle
from clientobs.viewer.differences import differences, not_comparable
from clientobs.viewer.homes import existing_home, runs_folder
from clientobs.viewer.loki import surroundings_from_loki
from clientobs.viewer.recordings import Recordings
from clientobs.viewer.selection import normalized_id
from clientobs.viewer.surroundings import surroundings_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.cli.main import Invocation
    from clientobs.cli.screen import Line
    from clientobs.viewer.differences import Difference
    from clientobs.viewer.surroundings import Surroundings

__all__ = ["run"]

_EPILOG: Final = """\
A and B are each one of
  4bf92f35             a session of this machine's journal, by the first digits of its id
  problem.zip          the last session in a bundle (clientobs report --bundle)
  answer.json          the last session in what Loki's query_range returned
  /some/folder         the last session in another journal, such as a copy
  problem.zip@4bf92f35 that session in the file or folder

exit codes: 0 nothing differs, 1 something does, 2 wrong arguments, or a session that is not there"""
_CELLS: Final = 100
_ABSENT: Final = "(not there)"


def run(invocation: Invocation) -> int:
    """Compare and print; 1 where something differs."""
    options = _parser().parse_args(invocation.arguments)
    a, b = (_session(argument, options.home, invocation) for argument in (options.a, options.b))
    found, unknown = differences(a, b), not_comparable(a, b)
    screen = open_screen(invocation.stdout, invocation.environ)
    if options.json:
        screen.json(
            {
                "a": _document(a),
                "b": _document(b),
                "differences": [asdict(one) for one in found],
                "not_compared": unknown,
            }
        )
    else:
        screen.lines(_lines(a, b, found, unknown))
    return WRONG if found else DONE


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("diff-env", __doc__, epilog=_EPILOG)
    parser.add_argument("a", metavar="A", help="the session where it works")
    parser.add_argument("b", metavar="B", help="the session where it doesn't")
    parser.add_argument("--home", metavar="FOLDER", help="another journal for ids than the one in use")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser


def _session(argument: str, home: str | None, invocation: Invocation) -> Surroundings:
    """Return the session that an argument names. Raises JournalError where there is none."""
    place, at, prefix = argument.rpartition("@")
    if not at or not os.path.exists(place):
        place, prefix = (argument, "") if os.path.exists(argument) or _is_file(argument) else ("", argument)
    if _is_file(place) and place.lower().endswith(".zip"):
        found = surroundings_in(open_bundle(place))
    elif _is_file(place):
        found = surroundings_from_loki(place)
    else:
        folder = (
            place
            or home
            or existing_home(resolve({}, environ=invocation.environ, strict=False).config, invocation.environ)
        )
        found = surroundings_in(Recordings(runs_folder(folder)))
    wanted = normalized_id(prefix) if prefix else ""
    matching = [one for one in found.values() if one.session.startswith(wanted)]
    if wanted and len(matching) > 1:
        raise JournalError(f"{len(matching)} sessions begin with {prefix!r}; give more digits.")
    # A bundle's own maker is the last session in it, and never the one that is meant.
    told = [one for one in matching if wanted or one.facts.get(semconv.SERVICE_NAME) != "clientobs-report"]
    if not told:
        raise JournalError(
            f"{argument!r}: no such session is there; `clientobs status` lists those of this machine."
        )
    return max(told, key=lambda one: one.last_ns)


def _is_file(place: str) -> bool:
    return place.lower().endswith((".zip", ".json")) or os.path.isfile(place)


def _document(one: Surroundings) -> dict[str, Any]:
    return {"session": one.session, "host": one.host, "started_ns": one.started_ns}


def _lines(a: Surroundings, b: Surroundings, found: list[Difference], unknown: list[str]) -> Iterator[Line]:
    for name, one in (("A", a), ("B", b)):
        parts = [one.facts.get(semconv.SERVICE_NAME, ""), one.host, date_time(one.started_ns)]
        told = " · ".join(visible(part) for part in parts if part)
        yield [(f"{name}  ", "title"), (told, ""), (f"  session {visible(one.session)}", "dim")]
    section = ""
    for difference in found:
        if difference.section != section:
            section = difference.section
            yield []
            count = sum(one.section == section for one in found)
            yield [(section, "title"), (f"  {count}", "dim")]
        yield from _difference(difference)
    yield []
    for text in unknown:
        yield [("not compared: ", "warn"), (text, "")]
    if found:
        yield [("✗ ", "failed"), (number(len(found), "difference"), "strong")]
    else:
        words = "nothing that could be compared differs" if unknown else "nothing differs"
        yield [("✓ ", "ok"), (words, "strong")]


def _difference(one: Difference) -> Iterator[Line]:
    name = visible(one.name)
    if one.reordered:
        yield [(f"  {name}  ", "key"), ("the same parts in another order", "warn")]
    if one.gone or one.new:
        yield [(f"  {name}", "key")]
        yield from ([("    only A  ", "dim"), (_value(part), "error")] for part in one.gone)
        yield from ([("    only B  ", "dim"), (_value(part), "ok")] for part in one.new)
    elif not one.reordered:
        yield [(f"  {name}  ", "key"), (_value(one.a), "error"), ("  →  ", "dim"), (_value(one.b), "ok")]


def _value(text: str | None) -> str:
    return _ABSENT if text is None else shorten(visible(text), _CELLS) if text else '""'
