"""`clientobs drain`: deliver in the foreground, as a service manager or a farm's last step wants it.

Without `--once` it delivers until it is told to end (Ctrl-C, SIGTERM). With it, it delivers what is there and
ends. Hosts that find it alive start none of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from clientobs._guarded import faults
from clientobs.cli.main import DONE, USAGE, WRONG
from clientobs.cli.parser import command_parser
from clientobs.cli.screen import Screen, open_screen
from clientobs.cli.text import number, size, visible
from clientobs.config.destination import destination_key
from clientobs.config.resolve import resolve
from clientobs.drain.__main__ import end_by_signal
from clientobs.drain.assembly import life_of
from clientobs.drain.lock import file_of, look
from clientobs.drain.service.state import DrainState, read_state, state_path
from clientobs.paths.mounts import MountTable
from clientobs.runtime.home import place_of

if TYPE_CHECKING:
    import argparse

    from clientobs.cli.main import Invocation
    from clientobs.drain.life import Reason

__all__ = ["run"]

_ONCE_SECONDS: Final = 60.0

_ENDED_WELL: Final[frozenset[Reason]] = frozenset({"idle", "asked", "stopped", "done"})
_REASONS: Final[dict[Reason, str]] = {
    "idle": "nothing was left to do",
    "asked": "a newer version took over",
    "stopped": "told to end",
    "done": "all that could be delivered was delivered",
    "lost": "the journal's folder or the drain's lock went away",
    "faults": "too many faults in a row",
    "held": "another drain delivers there already",
    "undelivered": "not all could be delivered in time",
}


def run(invocation: Invocation) -> int:
    """Deliver; 1 where another drain holds the lock, or something is left that could not be delivered."""
    options = _parser().parse_args(invocation.arguments)
    config = resolve({}, environ=invocation.environ, strict=True).config
    screen = open_screen(invocation.stdout, invocation.environ)
    if not config.delivery.configured:
        print(
            "clientobs drain: no endpoint is configured; set OTEL_EXPORTER_OTLP_ENDPOINT, "
            "for example http://localhost:4318",
            file=invocation.stderr,
        )
        return USAGE
    place = place_of(config, invocation.environ, MountTable.of_this_machine())
    config, home = place.config, place.home
    key = destination_key(config.delivery, home.secret)
    life = life_of(config, home, key, idle_seconds=math.inf, steward="ops")
    if options.once:
        # Bounded: an endpoint that is away must not keep a farm's last step waiting for ever.
        reason = life.once(options.timeout)
    else:
        end_by_signal(life)
        reason = life.run()
    state = read_state(state_path(home.path, key))
    if options.json:
        screen.json(_document(reason, state))
    else:
        _tell(screen, reason, state, home.path, key)
    return DONE if reason in _ENDED_WELL else WRONG


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("drain", __doc__)
    parser.add_argument("--once", action="store_true", help="deliver what is there, then end")
    parser.add_argument(
        "--timeout",
        type=float,
        default=_ONCE_SECONDS,
        metavar="SECONDS",
        help=f"with --once: give up after so long, {_ONCE_SECONDS:.0f} unless said; what is left stays",
    )
    parser.add_argument("--json", action="store_true", help="say at the end how it went, as JSON")
    return parser


def _tell(screen: Screen, reason: Reason, state: DrainState | None, home: str, key: str) -> None:
    well = reason in _ENDED_WELL
    mark = ("✓ ", "ok") if well else ("✗ ", "failed")
    words = _REASONS[reason]
    if reason == "held":
        holder = look(file_of(home, key, "lock"))
        words += f" (pid {holder.pid})" if holder is not None else ""
    screen.line(mark, (words, "" if well else "error"), (f"   {visible(home)}", "dim"))
    if state is not None:
        taken = sum(each.delivered for each in state.signals.values())
        waiting = f"{number(state.queue_records, 'record')} left, {size(state.queue_bytes)}"
        screen.line((f"  {number(taken, 'record')} delivered in all, {waiting}", "dim"))
        for name, each in state.signals.items():
            if each.reason:
                screen.line((f"  {visible(str(name))}: {visible(each.reason)}", "warn"))
    for place, message in faults.messages().items():
        screen.line((f"  {place}: {visible(message)}", "warn"))


def _document(reason: Reason, state: DrainState | None) -> dict[str, object]:
    return {
        "reason": reason,
        "delivered": {name: each.delivered for name, each in state.signals.items()} if state else {},
        "left_records": state.queue_records if state else None,
        "left_bytes": state.queue_bytes if state else None,
        "lost": dict(state.lost) if state else {},
        "faults": faults.messages(),
    }
