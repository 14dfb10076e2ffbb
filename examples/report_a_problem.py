"""An artist says what is wrong and gets a code to read out; the code leads to what failed before.

The publish has failed and the tool has shown nothing. Some minutes later the artist reports it, in their own words,
from a menu. Support types the code: here as `clientobs show CODE`, or the code itself in Loki.

You will see:

    Please read this code out to support: ...-...
    It leads to these words: 툴이 안 돼요: the "publish" button does nothing
    to what was done before: publish (failed ... ago)
    and to the last error: FileNotFoundError: ...plate.exr...
"""

import contextlib
import json
import subprocess
import sys

import clientobs

clientobs.init("report-a-problem", version="1.0")


def publish() -> None:
    with clientobs.span("publish"), open("/not/there/plate.exr", "rb") as plate:
        plate.read()


with clientobs.context(project="demo", shot="sq010_sh020"), contextlib.suppress(OSError):
    publish()  # it fails, and the tool says nothing

# In a Qt host, a menu entry calls clientobs.hosts.qt_report_dialog() instead.
code = clientobs.report_problem('툴이 안 돼요: the "publish" button does nothing', window="Publisher")
print("Please read this code out to support:", code)
clientobs.shutdown()

show = [sys.executable, "-m", "clientobs.cli.main", "show", code, "--json"]
found = json.loads(subprocess.run(show, capture_output=True, text=True, check=True).stdout)
told = found["report"]["attributes"]
print("It leads to these words:", told["problem.message"])
print("to what was done before:", told["problem.traces.name"][0])
print("and to the last error:", told["problem.errors"][-1])
