"""A plug-in crashes in native code: where Python stood, what was open, and what was said last.

You will see (times and ids differ):

    the application was ended by signal 11
    ── demo / sq010_sh020 ─...─ ■ interrupted · ...
    ...
    ■ publish rig  interrupted  ...
    ╰─ ■ rebuild viewport  interrupted  ...
          ... scene.opened  opened hero_rig_v012.ma
          ... app.crash  The application crashed (SIGSEGV) during 'rebuild viewport'.  SIGSEGV: Segmentation fault
              at ... in call_plugin, raised in ... in string_at
    ...
"""

import pathlib
import signal
import subprocess
import sys

APPLICATION = """
import ctypes, clientobs
clientobs.init("modeller", version="3.2")
clientobs.set_context(project="demo", shot="sq010_sh020")

def call_plugin():
    ctypes.string_at(0)  # reads address 0, as a plug-in with a dangling pointer does

with clientobs.span("publish rig"), clientobs.span("rebuild viewport"):
    clientobs.event("scene.opened", "opened hero_rig_v012.ma")
    call_plugin()
"""

pathlib.Path("tool.py").write_text(APPLICATION)
done = subprocess.run([sys.executable, "tool.py"], stderr=subprocess.DEVNULL, check=False)
assert done.returncode == -signal.SIGSEGV
print("the application was ended by signal", -done.returncode)
subprocess.run([sys.executable, "-m", "clientobs.cli.main", "show"], check=False)
