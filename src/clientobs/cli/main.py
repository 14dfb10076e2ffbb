"""`clientobs COMMAND`: load the module of that command alone, and turn its outcome into an exit code.

Exit codes, of every command but `run` (which has the command's own, 126 where it can't be executed, and 127
where it isn't found):

    0    done
    1    done, and something is not as it should be: a finding of `doctor`, nothing recorded to show,
         records that `drain --once` could not deliver, a report not recorded, a difference (`diff-env`)
    2    wrong arguments, or a configuration that cannot be used; the message says which and what is accepted
    130  interrupted from the keyboard
    141  the reader of our output went away (`clientobs show | head`)
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from clientobs._version import __version__
from clientobs.config.environment import current
from clientobs.config.problems import did_you_mean
from clientobs.errors import ClientobsError, NoJournalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

__all__ = [
    "COMMANDS",
    "DONE",
    "INTERRUPTED",
    "PIPE_CLOSED",
    "USAGE",
    "WRONG",
    "Command",
    "Invocation",
    "main",
]

DONE, WRONG, USAGE, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a command gets from outside: its own arguments, the environment, the two streams."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    stdout: TextIO
    stderr: TextIO


class Command(Protocol):
    """A command's module."""

    def run(self, invocation: Invocation) -> int:
        """Do it and return the exit code."""


COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "demo": ("clientobs.cli.demo.command", "publish two shots and show the traces that this leaves"),
    "run": ("clientobs.cli.run", "run a command with clientobs active, without changing its code"),
    "show": ("clientobs.cli.show", "traces as trees: the last one, by id, the failed ones, live"),
    "status": ("clientobs.cli.status", "runs, queue, losses, the drain and what the endpoint answered last"),
    "doctor": ("clientobs.cli.doctor", "check this machine; each finding comes with its remedy"),
    "report": ("clientobs.cli.report", "say what is wrong and get a code for support; bundle the last hour"),
    "diff-env": (
        "clientobs.cli.diff_env",
        "what differs between two sessions: packages, variables, versions",
    ),
    "config": ("clientobs.cli.config", "`config show`: every setting, and where its value comes from"),
    "privacy": ("clientobs.cli.privacy", "`privacy show`: what is recorded here, and what is known of you"),
    "drain": ("clientobs.cli.drain", "deliver in the foreground; --once delivers what is there and ends"),
}
"""Name, module, one line of help. A module is loaded when its command is called."""

_UNWRITABLE: Final = frozenset(
    {errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EBADF, getattr(errno, "EDQUOT", 0)}
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(given)
    except ClientobsError as error:
        print(f"clientobs: {error}", file=sys.stderr)
        return WRONG if isinstance(error, NoJournalError) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _give_up_stdout()
        return PIPE_CLOSED
    except OSError as error:
        if (
            error.filename is not None or error.errno not in _UNWRITABLE
        ):  # of a file or a socket, not of stdout
            raise
        _give_up_stdout()
        print(f"clientobs: what was printed can't be written ({error.strerror})", file=sys.stderr)
        return WRONG


def _give_up_stdout() -> None:
    # The interpreter flushes it once more at exit: give it a place that takes it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(given: list[str]) -> int:
    name = given[0] if given else "--help"
    if name in COMMANDS:
        module = cast("Command", importlib.import_module(COMMANDS[name][0]))
        # None under pythonw, which runs the drain as a scheduled task: there nobody reads anything.
        stdout, stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
        return module.run(Invocation(arguments=given[1:], environ=current(), stdout=stdout, stderr=stderr))
    parser = _parser()
    if not name.startswith("-"):
        parser.error(f"there is no command {name!r}{did_you_mean(name, COMMANDS)}")
    parser.parse_args(given)
    parser.print_help()
    return DONE if given in ([], ["--help"]) else USAGE


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS)) + 2
    listed = "\n".join(f"  {name:<{width}}{summary}" for name, (_, summary) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="clientobs",
        usage="clientobs COMMAND [OPTIONS]",
        description="The flight recorder of creative desktop software.",
        epilog=f"commands:\n{listed}\n\n`clientobs COMMAND --help` says more about one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"clientobs {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
