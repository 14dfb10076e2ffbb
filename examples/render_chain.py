"""A chain of processes is one trace: ffmpeg, a Python child with a span of its own, and a tool that fails.

Nothing here speaks of child processes to clientobs. `clientobs show --all` prints the trace.

You will see:

    ffmpeg: 0
    the child is in the same trace: True
    publish: failed
"""

import subprocess
import sys

from imageio_ffmpeg import get_ffmpeg_exe

import clientobs

CHILD = """
import clientobs
clientobs.init("denoiser", version="1.4.0")
with clientobs.span("denoise"):
    print(clientobs.trace_id())
"""
TOOL = """
import sys
sys.exit("Error: no licence for publishing on this machine")
"""

clientobs.init("render-chain", version="1.0.0")

with clientobs.context(project="comet", shot="sh0040"), clientobs.span("render chain"):
    source = ["-f", "lavfi", "-i", "color=black:size=64x64:duration=0.1"]
    movie = subprocess.run([get_ffmpeg_exe(), "-loglevel", "error", *source, "-f", "null", "-"], check=False)
    print("ffmpeg:", movie.returncode)
    told = subprocess.check_output([sys.executable, "-c", CHILD], text=True)
    print("the child is in the same trace:", told.strip() == clientobs.trace_id())
    published = subprocess.run([sys.executable, "-c", TOOL], capture_output=True, check=False)
    print("publish:", "failed" if published.returncode else "done")
