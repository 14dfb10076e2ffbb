"""What an exception that leaves a tool says of the tool: ok, rejected, cancelled or failed. Only `failed` is a failure.

Three say so, the first that does wins: the exception's class by an attribute `tool_outcome = "rejected"` (so that a
studio's own code needs no import of ours), the configuration by the class's name (`[outcomes]`), and the lists here.
What none of them knows is asked of `judges`: a framework may know what an exception means where it was raised.
Names are compared with each class of the exception's MRO, with its module ("hou.OperationInterrupted") or without it
("PublishValidationError"), so that no host module is ever imported for it.

Maya, Blender, Unreal, 3ds Max and Qt have no exception for a person who stops the work: a progress bar is asked, an
operator returns {'CANCELLED'}. There the code says it: `span.set_attribute("tool.outcome", "cancelled")`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, get_args

from clientobs import semconv
from clientobs._dataclass import dataclass
from clientobs.record.behind import is_a, members_of, mro_names, said_by_class

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DEFAULT_RULES", "Outcome", "OutcomeRules", "judged", "judges", "leaves_of", "outcome_of"]

Outcome = semconv.ToolOutcome

_CANCELLED: Final = frozenset(
    {
        "hou.OperationInterrupted",  # Esc in Houdini
        "nuke.CancelledError",  # Cancel in a question of Nuke's: nukescripts catches it by this name
        "_nuke.CancelledError",
        "concurrent.futures._base.CancelledError",  # a future that was cancelled; asyncio's is no Exception
        "asyncio.exceptions.CancelledError",
        "greenlet.GreenletExit",  # gevent ends its greenlets by it
        "builtins.Skipped",  # pytest says that it is from there
        "click.exceptions.Abort",  # Ctrl-C at a prompt
    }
)
_CANCELLED_NAMES: Final = frozenset({"Cancelled", "Canceled", "CancelledError", "CanceledError"})
"""Of classes that are no Exception, whosever they are: trio's, and what tools raise where a person presses Stop."""
_CANCELLED_WORDS: Final = (("nuke", RuntimeError, "Cancelled"),)
"""Module of the host that must be loaded, exact class, and how the text begins: nukescripts itself compares these nine
letters after a render ("TO DO: change this to an exception type")."""
_CODED: Final = "click.exceptions.Exit"
"""Of click and typer: an exit code, as SystemExit has one."""
_INTERRUPTED: Final = 128 + 2
"""How a program ends that handles Ctrl-C itself."""
_REJECTED: Final = frozenset(
    {
        "PublishValidationError",  # AYON and OpenPype, each from a module of its own
        "pyblish.error.ValidationError",
        "pyblish.plugin.ValidationError",
    }
)
_OUTCOMES: Final = frozenset(get_args(Outcome))
_MOST_LEAVES: Final = 64
_MOST_DEPTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRules:
    """Names of exception classes, besides those that are known here."""

    cancelled: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()


DEFAULT_RULES: Final = OutcomeRules()

judges: Final[list[Callable[[BaseException], Outcome | None]]] = []
"""Asked by `judged` of an exception that would be a failure, on the thread and at the place where it was raised."""


def judged(error: BaseException, rules: OutcomeRules) -> Outcome:
    """Return what `outcome_of` does, or what a judge knows better of a failure."""
    outcome = outcome_of(error, rules)
    if outcome == "failed":
        for judge in judges:
            outcome = judge(error) or outcome
    return outcome


def outcome_of(error: BaseException | None, rules: OutcomeRules = DEFAULT_RULES) -> Outcome:
    """Return what an exception that leaves a tool's span says of the tool.

    KeyboardInterrupt, GeneratorExit and asyncio.CancelledError are a person or the program stopping the work;
    SystemExit with code 0 or None is an ordinary end. A group is what the worst of its exceptions is. A class of
    somebody's own that is no Exception, to get past `except Exception`, is a failure like any other.

    >>> outcome_of(KeyboardInterrupt()), outcome_of(SystemExit(0)), outcome_of(SystemExit(3)), outcome_of(KeyError())
    ('cancelled', 'ok', 'failed', 'failed')
    """
    if error is None:
        return "ok"
    if members_of(error):
        found = {_of_one(leaf, rules) for leaf in leaves_of(error)}
        for outcome in ("failed", "rejected", "cancelled", "ok"):
            if outcome in found:
                return outcome
    return _of_one(error, rules)


def leaves_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of a group, and of groups in it, or the exception itself; bounded."""
    left = [_MOST_LEAVES]
    yield from _leaves(error, left, 0)


def _leaves(error: BaseException, left: list[int], depth: int) -> Iterator[BaseException]:
    parts = members_of(error)
    if depth > _MOST_DEPTH or not parts:
        left[0] -= 1
        yield error
        return
    for part in parts:
        if left[0] <= 0:
            return
        if isinstance(part, BaseException):
            yield from _leaves(part, left, depth + 1)


def _of_one(error: BaseException, rules: OutcomeRules) -> Outcome:
    said = said_by_class(error, "tool_outcome")
    if isinstance(said, str) and said in _OUTCOMES:
        return said  # type: ignore[return-value]  # one of the four, as just asked
    if is_a(error, SystemExit):
        return _of_code(error.code)
    if is_a(error, KeyboardInterrupt) or is_a(error, GeneratorExit):
        return "cancelled"
    names = mro_names(type(error))
    if _CODED in names:
        return _of_code(getattr(error, "exit_code", None))
    if not names.isdisjoint(rules.rejected) or not names.isdisjoint(_REJECTED):
        return "rejected"
    known = _CANCELLED if is_a(error, Exception) else _CANCELLED | _CANCELLED_NAMES
    stopped = not names.isdisjoint(rules.cancelled) or not names.isdisjoint(known) or _says_so(error)
    return "cancelled" if stopped else "failed"


def _of_code(code: object) -> Outcome:
    if isinstance(code, int) and code == _INTERRUPTED:
        return "cancelled"
    return "ok" if code is None or (isinstance(code, int) and code == 0) else "failed"


def _says_so(error: BaseException) -> bool:
    """Say whether a host that has no class of its own for it says by its text that somebody stopped the work."""
    for module, kind, words in _CANCELLED_WORDS:
        if type(error) is kind and module in sys.modules:
            text = error.args[0] if error.args else ""
            return type(text) is str and text.startswith(words)
    return False
