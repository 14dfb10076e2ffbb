"""A host that has used up its recursion: its own hook is called, and what we could not do is counted."""

from __future__ import annotations

import pytest

from support.programs import answer_of

AT_EACH_DEPTH = """
import json, sys, threading, types
owner = {"sys": sys, "threading": threading}[sys.argv[1]]
shown = []
original = shown.append  # in C, as Python's own is
setattr(owner, sys.argv[2], original)
import clientobs
runtime = clientobs.init("tool")
assert runtime.running, runtime.reason
ours = getattr(owner, sys.argv[2])
assert ours is not original

def bare(given):  # what every hook in Python costs
    return original(given)

def call(hook, room):
    for lowest in range(1, 1000):  # by steps: how deep this is, only the interpreter knows
        try:
            sys.setrecursionlimit(lowest)
            break
        except RecursionError:
            pass
    sys.setrecursionlimit(lowest + room)
    before = len(shown)
    try:
        hook(given)
        return ["returned", len(shown) - before]
    except RecursionError:
        return ["raised", len(shown) - before]
    finally:
        sys.setrecursionlimit(1000)

given = types.SimpleNamespace(
    exc_type=ValueError, exc_value=ValueError("the host's own"), exc_traceback=None,
    err_msg=None, object=None, thread=None,
)
found = [[call(bare, room), call(ours, room)] for room in range(60)]
from clientobs._guarded import faults
print(json.dumps([found, faults.counts()]))
"""


@pytest.mark.parametrize("hook", [("sys", "unraisablehook"), ("threading", "excepthook")])
def test_the_hosts_hook_is_called_once_wherever_it_can_be(hook: tuple[str, str]) -> None:
    found, faults = answer_of(AT_EACH_DEPTH, *hook)
    assert [ours for _bare, ours in found] == [bare for bare, _ours in found]
    assert found[-1] == [["returned", 1]] * 2
    assert faults["recursion.exhausted"] > 0  # not even a fault could be taken down
    assert faults["exceptions.hook"] > 0
