"""Programs with a Qt binding, each in an interpreter of its own: two bindings never meet in one process."""

from __future__ import annotations

import importlib.util
import json
from typing import Any, Final

import pytest

from support.programs import run_program

__all__ = ["answer_of_qt", "bindings"]

_NAMES: Final = ("PySide6", "PyQt6", "PySide2", "PyQt5")
_PRELUDE: Final = """
import gc, importlib, json, os, sys, time, weakref
import clientobs
from clientobs._guarded import faults
from opentelemetry import trace

binding = sys.argv[1]
if "early" in sys.argv: core = importlib.import_module(binding + ".QtCore")
if "bare" not in sys.argv: assert clientobs.init("host", drain="off").running
core = importlib.import_module(binding + ".QtCore")
app = core.QCoreApplication([])
Signal = getattr(core, "Signal", None) or core.pyqtSignal

def current(): return trace.get_current_span().get_span_context().span_id
def id_of(span): return span.get_span_context().span_id
def text_of(call):
    try: return repr(call())
    except Exception as error: return f"{type(error).__name__}: {error}"
"""


def bindings() -> pytest.MarkDecorator:
    """Return a parameter for each binding that is installed here, skipped where it is not."""
    return pytest.mark.parametrize("binding", [_parameter(name) for name in _NAMES])


def _parameter(name: str) -> Any:
    missing = importlib.util.find_spec(name) is None
    reason = f"{name} is not installed here; the nox session `qt` has all of them"
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=reason))


def answer_of_qt(binding: str, program: str, *arguments: str) -> Any:
    """Run `program`, which ends by printing one line of JSON, and return that; no fault of ours is allowed."""
    told = (
        'assert not faults.messages(), faults.messages()\nif "bare" not in sys.argv: clientobs.shutdown()\n'
    )
    done = run_program(
        _PRELUDE + program + "\n" + told,
        binding,
        *arguments,
        environ={"QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8", "CLIENTOBS_DRAIN": "off"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
