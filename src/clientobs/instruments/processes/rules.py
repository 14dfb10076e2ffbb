"""What the studio and the program have said of a child beforehand: left alone, without context, a code that is fine.

Per program in the configuration (`[processes]`), and per call by `expected_exit`, which the code around a launch
uses where it handles a code itself:

    with expected_exit(1):                     # grep: no line matched
        found = subprocess.run(["grep", "-c", "ERROR", log])
"""

from __future__ import annotations

import signal
from contextvars import ContextVar
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs.errors import ConfigError

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from clientobs.config.model import ProcessesConfig

__all__ = ["RuleBook", "Rules", "expected_exit"]

_MOST_NAMES: Final = 1_024
_MOST_CODES: Final = 4_096
_expected: ContextVar[frozenset[int]] = ContextVar("clientobs_expected_exit", default=frozenset())


class Rules(NamedTuple):
    """What holds for one program."""

    ignored: bool = False
    context: bool = True
    bare: bool = False
    """Whether it gets none that this process itself was started with, either."""
    expected: frozenset[int] = frozenset()


class RuleBook:
    """The rules by the name of the program; each name is judged once."""

    __slots__ = ("_config", "_known")

    def __init__(self, config: ProcessesConfig) -> None:
        self._config = config
        self._known: dict[str, Rules] = {}

    def of(self, name: str) -> Rules:
        """Return the rules for a program, with what the code around the launch says of its exit codes."""
        rules = self._known.get(name)
        if rules is None:
            rules = self._judge(name)
            if len(self._known) < _MOST_NAMES:
                self._known[name] = rules
        said = _expected.get()
        return rules._replace(expected=rules.expected | said) if said else rules

    def _judge(self, name: str) -> Rules:
        config = self._config
        bare = any(fnmatch(name, each) for each in config.without_context)
        expected: set[int] = set()
        for entry in config.expected:
            program, _, codes = entry.partition("=")
            if fnmatch(name, program.strip()):
                expected |= _codes_of(codes)
        return Rules(
            ignored=any(fnmatch(name, program) for program in config.ignore),
            context=config.context and not bare,
            bare=bare,
            expected=frozenset(expected),
        )


class expected_exit:  # noqa: N801  # reads as a statement: `with expected_exit(1):`
    """Say that these exit codes of children started in the block are handled by it: told, and no failure.

    Codes as subprocess gives them, negative for a signal, or names of signals. Blocks nest and add up.
    Raises ConfigError for anything else.

    >>> with expected_exit(1, "SIGTERM"):
    ...     pass
    """

    __slots__ = ("_codes", "_tokens")

    def __init__(self, *codes: int | str) -> None:
        self._codes = frozenset(_code_of(code) for code in codes)
        self._tokens: list[Token[frozenset[int]]] = []

    def __enter__(self) -> None:
        self._tokens.append(_expected.set(_expected.get() | self._codes))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            _expected.reset(self._tokens.pop())
        except (ValueError, IndexError):  # left in another context than it was entered in: nothing to restore
            return


def _code_of(code: object) -> int:
    if isinstance(code, int) and not isinstance(code, bool):
        return int(code)
    number = getattr(signal, code, None) if isinstance(code, str) and code.startswith("SIG") else None
    if number is None:
        raise ConfigError(f"expected_exit({code!r}): use exit codes such as 1, or names such as 'SIGTERM'")
    return -int(number)


def _codes_of(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if first.startswith("SIG"):
            number = getattr(signal, first, None)
            found |= {-int(number)} if number is not None else set()
        elif dash:
            found |= set(range(int(first), min(int(last), int(first) + _MOST_CODES) + 1))
        else:
            found.add(int(first))
    return found
