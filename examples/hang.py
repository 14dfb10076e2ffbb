"""A tool computes on the main thread and answers nobody: who it is, told while it still hangs.

Nothing in the tool helps. A hang is one from 5 s on; here from 2 s on, so that you needn't wait. It is told by the
drain, which works for an endpoint: here one that does not answer, and what is told stays in the journal.

You will see (times and ids differ):

    the tool has ended by itself, with 0
    ── demo / sq010_sh020 ─...─ ✓ ok · ...
    ...
    unfold uvs ...
       ... app.hang  The main thread computes without a pause during 'unfold uvs', in fold().
       ... app.hang.end  The application answers again after ..., in fold().
    ...
"""

import os
import pathlib
import subprocess
import sys

TOOL = """
import time, clientobs
clientobs.init("layout", version="2.1", session_kind="interactive", hangs={"seconds": 2})
clientobs.set_context(project="demo", shot="sq010_sh020")

def fold(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))

with clientobs.span("unfold uvs"):
    fold(5)
clientobs.shutdown()
"""

pathlib.Path("tool.py").write_text(TOOL)
nobody = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "CLIENTOBS_DRAIN": "thread"}
done = subprocess.run([sys.executable, "tool.py"], env={**os.environ, **nobody}, check=False)
print("the tool has ended by itself, with", done.returncode)
subprocess.run([sys.executable, "-m", "clientobs.cli.main", "show"], check=False)
