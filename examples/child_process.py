"""A child process continues the trace of its parent, in the same production context.

`carrier()` gives the variables for the child's environment; the show's name never goes into an HTTP header.

You will see:

    the child is in the same trace: True
    TRACEPARENT and BAGGAGE are what it was given
"""

import os
import subprocess
import sys

import clientobs

CHILD = """
import clientobs
clientobs.init("baker", version="2.1.0")
with clientobs.span("bake"):
    print(clientobs.trace_id())
"""

clientobs.init("launcher", version="1.0.0")

with clientobs.context(project="comet", shot="sh0040"), clientobs.span("submit"):
    carrier = clientobs.carrier()
    told = subprocess.check_output([sys.executable, "-c", CHILD], env={**os.environ, **carrier}, text=True)
    print("the child is in the same trace:", told.strip() == clientobs.trace_id())

print(" and ".join(name for name in carrier if name != "TRACESTATE"), "are what it was given")
