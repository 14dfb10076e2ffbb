"""`clientobs config show`: every setting with its value and where it comes from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from clientobs._loss import LossLedger
from clientobs.cli.main import DONE, USAGE
from clientobs.cli.parser import command_parser
from clientobs.cli.screen import Line, open_screen, pad
from clientobs.cli.text import visible
from clientobs.config.listing import Row, rows
from clientobs.config.resolve import resolve
from clientobs.privacy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from clientobs.cli.main import Invocation
    from clientobs.config.problems import Problem

__all__ = ["run"]

_SOURCES = {"environment": "open", "file": "context", "argument": "ok", "default": "dim"}


def run(invocation: Invocation) -> int:
    """Show the settings; problems are listed, and make the exit code 2."""
    parser = command_parser("config", __doc__)
    commands = parser.add_subparsers(dest="what", required=True, metavar="show")
    show = commands.add_parser("show", help="every setting, its value, and where it comes from")
    show.add_argument("--set", action="store_true", help="only settings that somebody has set")
    show.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args(invocation.arguments)
    # Lenient, though the command line is strict elsewhere: who looks for a mistake wants to see all of it.
    resolved = resolve({}, environ=invocation.environ, strict=False)
    redactor = Redactor(resolved.config.privacy, resolved.config.limits, LossLedger())
    known = _without_secrets(rows(resolved), redactor)
    listed = [row for row in known if not options.set or row.source.kind != "default"]
    screen = open_screen(invocation.stdout, invocation.environ)
    if options.json:
        screen.json(_document(listed, resolved.problems))
    else:
        screen.lines(_lines(listed))
        screen.lines(_problem_lines(resolved.problems))
    return USAGE if resolved.problems else DONE


def _without_secrets(known: Iterable[Row], redactor: Redactor) -> Iterator[Row]:
    """Give the rows as they are recorded: a resource attribute may be a credential, and listings are sent around."""
    for row in known:
        table, _, name = row.key.partition(".")
        if table == "resource":
            clean = str(redactor.value(name, row.value))
            yield replace(row, value=clean, shown=clean)
        else:
            yield row


def _document(listed: Sequence[Row], problems: Sequence[Problem]) -> dict[str, object]:
    return {
        "settings": {
            row.key: {"value": row.value, "source": row.source.kind, "where": row.source.where}
            for row in listed
        },
        "problems": [
            {"file": one.file, "line": one.line, "key": one.key, "message": one.message} for one in problems
        ],
    }


def _lines(listed: Sequence[Row]) -> Iterator[Line]:
    keys = max((len(row.key) for row in listed), default=0) + 2
    values = min(max((len(visible(row.shown)) for row in listed), default=0), 48) + 2
    sizes = Counter(_table_of(row) for row in listed)
    before: str | None = None
    for row in listed:
        table = _table_of(row) if sizes[_table_of(row)] > 1 else ""
        if before is not None and table != before:
            yield []
        before = table
        set_by_somebody = row.source.kind != "default"
        value = visible(row.shown) or "(none)"
        line = pad([(visible(row.key), "strong" if set_by_somebody else "")], keys)
        line = pad([*line, (value, "value" if set_by_somebody else "dim")], keys + values)
        where = visible(row.source.where) or "default"
        yield [*line, ("  ", ""), (where, _SOURCES[row.source.kind])]


def _table_of(row: Row) -> str:
    return row.key.partition(".")[0]


def _problem_lines(problems: Sequence[Problem]) -> Iterator[Line]:
    for number, problem in enumerate(problems):
        if number == 0:
            yield []
        yield [("✗ ", "failed"), (visible(str(problem)), "error")]
