"""An exception that a program shows and then drops: `traceback.print_exc()` in an except block.

It is seen by whoever looks at the console of that machine, and by nobody else. Patched is `print_exception`, which
`print_exc` and `print_last` call; what is printed into a file of the program's own is left alone.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs.instruments.patching import dressed
from clientobs.instruments.showing import showing

if TYPE_CHECKING:
    from clientobs.instruments.exceptions.desk import Desk
    from clientobs.instruments.patching import Switch

__all__ = ["wrap_print_exception"]

_FILE_PLACE: Final = 4


def wrap_print_exception(original: Any, switch: Switch, desk: Desk) -> Any:
    """Return `traceback.print_exception` with ours in front."""

    def print_exception(*args: Any, **named: Any) -> Any:
        if switch.on and not showing.depth and args and _is_for_the_console(args, named):
            given = named.get("value", args[1] if len(args) > 1 else None)
            desk.printed(given if isinstance(given, BaseException) else args[0])
        with showing:
            return original(*args, **named)

    return dressed(print_exception, original)


def _is_for_the_console(args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    file = named.get("file", args[_FILE_PLACE] if len(args) > _FILE_PLACE else None)
    return file is None or file is sys.stderr or file is sys.stdout
