"""What differs between two sessions, in words that lead to the cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clientobs.viewer.surroundings import MACHINE, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clientobs.viewer.surroundings import Surroundings

__all__ = ["Difference", "Section", "differences", "not_comparable"]

Section: TypeAlias = Literal["packages", "versions", "tools", "machine", "variables"]

_OWN: Final = frozenset({"TRACEPARENT", "CLIENTOBS_HOME"})
"""Variables that are another's in each session, and say nothing."""
_LISTS: Final = ("PATH", "_PATHS", "RESOLVE", "REQUEST", "RESOURCES", "SCRIPTS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One name that is not the same. None: not there. `gone` and `new` are the parts of a list that differ."""

    section: Section
    name: str
    a: str | None
    b: str | None
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    reordered: bool = False


def differences(a: Surroundings, b: Surroundings) -> list[Difference]:
    """Return all that differs, sections in the order of suspicion; [] where nothing does.

    What one of the two does not hold at all (see `not_comparable`) is not compared.
    """
    found: list[Difference] = []
    if a.packages is not None and b.packages is not None:
        found += _compare("packages", a.packages, b.packages)
    found += _compare("versions", _of(a, VERSIONS), _of(b, VERSIONS))
    # A tool that only one of the two has used yet is no difference between the machines.
    both = a.tools.keys() & b.tools.keys()
    found += _compare("tools", {name: a.tools[name] for name in both}, {name: b.tools[name] for name in both})
    found += _compare("machine", _of(a, MACHINE), _of(b, MACHINE))
    if a.variables is not None and b.variables is not None:
        found += _compare("variables", a.variables, b.variables)
    return found


def not_comparable(a: Surroundings, b: Surroundings) -> list[str]:
    """Say what could not be compared, and which id to look for."""
    missing = []
    for name, one in (("A", a), ("B", b)):
        if one.variables is None:
            missing.append(
                f"variables of {name}: their content {one.environment_id or '(never told)'} is not there"
            )
        if one.packages is None:
            missing.append(
                f"packages of {name}: their content {one.packages_id or '(never told)'} is not there"
            )
    return missing


def _compare(section: Section, a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted(a.keys() | b.keys()):
        mine, theirs = a.get(name), b.get(name)
        if mine == theirs or (section == "variables" and name in _OWN):
            continue
        separator = _separator(section, name, mine, theirs)
        if separator is None or mine is None or theirs is None:
            yield Difference(section=section, name=name, a=mine, b=theirs)
            continue
        left, right = mine.split(separator), theirs.split(separator)
        gone = tuple(part for part in dict.fromkeys(left) if part not in right)
        new = tuple(part for part in dict.fromkeys(right) if part not in left)
        yield Difference(
            section=section, name=name, a=mine, b=theirs, gone=gone, new=new, reordered=not gone and not new
        )


def _separator(section: Section, name: str, a: str | None, b: str | None) -> str | None:
    """Return what parts the elements of a variable that is a list, None for any other."""
    if section != "variables" or a is None or b is None or not name.upper().endswith(_LISTS):
        return None
    if name.upper().endswith(("RESOLVE", "REQUEST")):
        return " "
    return ";" if ";" in a + b else ":"


def _of(one: Surroundings, names: tuple[str, ...]) -> dict[str, str]:
    return {name: one.facts[name] for name in names if name in one.facts}
