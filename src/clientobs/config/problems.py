"""Where a value stands, what is wrong with it, and which name was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Problem", "Source", "SourceKind", "Unacceptable", "did_you_mean"]

_BEGUN = 3
"""Letters from which on a name counts as the beginning of a known one."""

SourceKind: TypeAlias = Literal["argument", "environment", "file", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one value came from.

    >>> Source(kind="file", name="journal.home", file="/studio/clientobs.toml", line=12).where
    '/studio/clientobs.toml:12'
    """

    kind: SourceKind
    name: str = ""
    """The argument (`home=`), the variable, or the key of the file."""
    file: str | None = None
    line: int | None = None

    @property
    def where(self) -> str:
        """What to open or change: the variable, the argument, or file and line; "" for a default."""
        if self.file is None:
            return self.name
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with the environment or the file; never holds a credential."""

    file: str | None
    line: int | None
    key: str
    """The variable, argument or dotted key; "" where the file as a whole is meant."""
    message: str
    """What is wrong and what is accepted."""

    @classmethod
    def at(cls, source: Source, message: str) -> Problem:
        """Return the problem of the value at `source`."""
        return cls(file=source.file, line=source.line, key=source.name, message=message)

    def __str__(self) -> str:
        place = self.file or ""
        if self.file and self.line is not None:
            place = f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class Unacceptable(Exception):  # noqa: N818  # inside config only; becomes a Problem or a ConfigError
    """A reader's refusal: the text says what is accepted instead.

    `usable` is what is left of a value without its bad parts, where a variable is to be read as OpenTelemetry's own
    packages read it; None where there is nothing.
    """

    def __init__(self, accepted: str, usable: object = None) -> None:
        super().__init__(accepted)
        self.usable = usable


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return `; did you mean 'x'?` for the nearest of `known`, or "".

    A `prefix` that all share is left out of the comparison, since it makes anything look near.

    >>> did_you_mean("CLIENTOBS_DRIAN", ["CLIENTOBS_DRAIN", "CLIENTOBS_HOME"], "CLIENTOBS_")
    "; did you mean 'CLIENTOBS_DRAIN'?"
    """
    import difflib  # noqa: PLC0415  # only on the way to a message

    bare = name.removeprefix(prefix)
    rest = sorted(each.removeprefix(prefix) for each in known)
    begun = [each for each in rest if len(bare) >= _BEGUN and each.startswith(bare)]
    near = begun or difflib.get_close_matches(bare, rest, n=1, cutoff=0.75)
    return f"; did you mean '{prefix}{near[0]}'?" if near else ""
