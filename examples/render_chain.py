"""A chain of programs is one trace, and the one that fails is told in its own words.

A render starts ffmpeg for a contact sheet, a Python program that bakes, and ffmpeg again, with a preset from another
workstation: its encoder is not in this ffmpeg. No call says anything to clientobs.

You will see:

    ...comet / sh0040...
    render chain...
    ├─...ffmpeg...
    ├─ python...
    │  ╰─ bake  ⇢ baker pid ...
    ╰─ ✗...ffmpeg...
    ...process.failed...
    ...Unknown encoder 'libx265_studio'
    ...
"""

import os
import subprocess
import sys
import tempfile

import imageio_ffmpeg

import clientobs

BAKE = """
import clientobs
clientobs.init("baker", version="2.1.0")
with clientobs.span("bake"):
    pass
"""
PICTURE = ["-f", "lavfi", "-i", "testsrc=size=64x36:rate=4:duration=1"]

folder = tempfile.TemporaryDirectory()
ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
os.environ["COLUMNS"] = "120"
clientobs.init("render", version="1.0.0")

with clientobs.context(project="comet", shot="sh0040"), clientobs.span("render chain"):
    subprocess.run([*ffmpeg, *PICTURE, "-frames:v", "1", os.path.join(folder.name, "sheet.png")], check=True)
    subprocess.run([sys.executable, "-c", BAKE], check=True)
    movie = [*PICTURE, "-c:v", "libx265_studio", os.path.join(folder.name, "out.mov")]
    subprocess.run([*ffmpeg, *movie], stderr=subprocess.PIPE, check=False)

folder.cleanup()
clientobs.shutdown()
subprocess.run([sys.executable, "-m", "clientobs.cli.main", "show"], check=True)
