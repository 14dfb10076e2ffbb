"""A process is killed in the middle of its work: what it had ended is there, what was open is interrupted.

You will see (times and ids differ):

    the tool was killed by signal 9
    ── renderer ─...─ ■ interrupted · ...
    ...
    ■ render_shot  interrupted  ≥ ...
    ╰─ render_frame  frame=1001  ...
    ...
"""

import signal
import subprocess
import sys

TOOL = """
import os, signal, clientobs
clientobs.init("renderer", version="1.0.0")
with clientobs.span("render_shot"):
    with clientobs.span("render_frame", frame=1001):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
"""

done = subprocess.run([sys.executable, "-c", TOOL], check=False)
assert done.returncode == -signal.SIGKILL
print("the tool was killed by signal", -done.returncode)
subprocess.run([sys.executable, "-m", "clientobs.cli.main", "show"], check=False)
