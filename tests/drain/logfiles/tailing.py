"""A log file read as a follower reads it, without the files: bytes to records."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clientobs.config.log_files import LogFilesConfig, read_log_files
from clientobs.config.values import Base
from clientobs.drain.logfiles.boundaries import Boundaries
from clientobs.drain.logfiles.entries import Entry, Joiner
from clientobs.drain.logfiles.grammar import Grammar, Said
from clientobs.drain.logfiles.lines import LineSplitter, encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Read", "grammar_of", "read", "settings_of", "texts_of"]


class Read(NamedTuple):
    """One record."""

    entry: Entry
    said: Said


def settings_of(preset: str) -> LogFilesConfig:
    """Return an entry of the configuration that names a preset and a path."""
    raw = {"preset": preset, "paths": ["/var/log/x.log"]}
    return read_log_files(raw, Base(None, "/home/artist", "linux"))


def grammar_of(settings: LogFilesConfig) -> Grammar:
    """Return the grammar of an entry of the configuration."""
    return Grammar(
        pattern=settings.pattern or "", forms=settings.time, utc=settings.utc, errors=settings.errors
    )


def texts_of(lines: Iterable[str], grammar: Grammar) -> list[str]:
    """Return the texts of the entries that some lines make."""
    data = "".join(f"{line}\n" for line in lines).encode()
    return [each.entry.text for each in read(data, grammar, now=0.0)]


def read(data: bytes, grammar: Grammar, *, now: float, encoding: str = "utf-8") -> list[Read]:
    """Return the records of a file that was written to last at `now`."""
    splitter = LineSplitter(encoding_of(data[:4], encoding), 0)
    joiner = Joiner(Boundaries(grammar).begins)
    entries = [entry for line in splitter.feed(data) for entry in joiner.feed(line, 0)]
    found: list[Read] = []
    began = None
    for entry in [*entries, *joiner.finish()]:
        said = grammar.read(entry.text, now=now, began_ns=began)
        began = began if said.began_ns is None else said.began_ns
        found.append(Read(entry, said))
    return found
