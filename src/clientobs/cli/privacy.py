"""`clientobs privacy show`: what is recorded on this machine, in which form, and what is known of you."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from clientobs.cli.main import DONE
from clientobs.cli.parser import command_parser
from clientobs.cli.screen import Line, open_screen, pad, wrapped
from clientobs.cli.text import cell_width, shorten, visible
from clientobs.config.resolve import resolve
from clientobs.errors import JournalError
from clientobs.privacy.inventory import find
from clientobs.privacy.policy import Disclosure, Recorded, disclosure
from clientobs.viewer.homes import existing_home, runs_folder
from clientobs.viewer.personal import values_held

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clientobs.cli.main import Invocation
    from clientobs.config.model import Config

__all__ = ["run"]

_NAME = 36
_TITLES = {
    "yes": "About you",
    "indirect": "May name you or a show in passing",
    "no": "About the machine and the work",
}


def run(invocation: Invocation) -> int:
    """Print what is recorded under the policy in force, with the values held on this machine."""
    parser = command_parser("privacy", __doc__)
    commands = parser.add_subparsers(dest="what", required=True, metavar="show")
    show = commands.add_parser("show", help="what is recorded here, and what is known of you")
    show.add_argument("--all", "-a", action="store_true", help="also what says nothing about a person")
    show.add_argument("--home", metavar="FOLDER", help="another journal than the one in use")
    show.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args(invocation.arguments)
    # A broken file must not keep anybody from seeing what is recorded: what is valid of it is in force.
    config = resolve({}, environ=invocation.environ, strict=False).config
    home, held = _held(config, invocation.environ, options.home)
    told = disclosure(config.privacy)
    screen = open_screen(invocation.stdout, invocation.environ)
    if options.json:
        screen.json({"home": home, "held": held, **asdict(told)})
    else:
        screen.lines(_lines(told, held, home, screen.width, everything=options.all))
    return DONE


def _held(
    config: Config, environ: Mapping[str, str], named: str | None
) -> tuple[str | None, dict[str, list[str]]]:
    try:
        home = named or existing_home(config, environ)
        return home, values_held(runs_folder(home))
    except JournalError:
        return None, {}


def _lines(
    told: Disclosure, held: Mapping[str, Sequence[str]], home: str | None, width: int, *, everything: bool
) -> Iterator[Line]:
    for personal, title in _TITLES.items():
        if personal == "no" and not everything:
            continue
        yield [(title, "title")]
        forms: dict[str, list[Recorded]] = {}
        for recorded in told.recorded:
            if recorded.personal == personal:
                forms.setdefault(f"{recorded.form}; kept {recorded.retention}", []).append(recorded)
        for form, listed in forms.items():
            yield from ([("  ", ""), (part, "dim")] for part in wrapped(form, width - 2))
            for recorded in listed:
                yield from _recorded_lines(recorded, held, width)
        yield []
    yield [("Never recorded", "title")]
    yield from ([("  ✗ ", "ok"), (sentence, "")] for sentence in told.never)
    yield []
    yield [("Environment variables that may be recorded", "title")]
    yield from _wrapped(told.variables, width)
    yield [("  but never, whatever the list says", "dim")]
    yield from _wrapped(told.refused_variables, width)
    yield []
    where = visible(home) if home is not None else "nothing is recorded yet"
    yield [("Records on this machine: ", "dim"), (where, "")]


def _recorded_lines(recorded: Recorded, held: Mapping[str, Sequence[str]], width: int) -> Iterator[Line]:
    line = pad([("    ", ""), (recorded.name, "strong")], _NAME)
    for part in wrapped(recorded.purpose, max(width - _NAME - 2, 40)):
        yield [*line, ("  ", ""), (part, "")]
        line = pad([], _NAME)
    for name, values in held.items():
        if _belongs(name, recorded.name):
            shown = ", ".join(shorten(visible(value), 48) for value in values)
            lead = "here: " if name == recorded.name else f"here, {visible(name)}: "
            yield [
                (" " * (_NAME + 2), ""),
                (lead, "dim"),
                (shorten(shown, max(width - _NAME - 2 - cell_width(lead), 12)), "context"),
            ]


def _belongs(name: str, listed: str) -> bool:
    """Say whether a recorded name is the listed one, or of the family that the listed one stands for."""
    if name == listed:
        return True
    entry = find(name)
    return entry is not None and entry.is_family and entry.name == listed


def _wrapped(words: Sequence[str], width: int) -> Iterator[Line]:
    line = "  "
    for word in words:
        if len(line) + len(word) + 2 > width:
            yield [(line, "")]
            line = "  "
        line += f"{visible(word)}  "
    yield [(line, "")]
