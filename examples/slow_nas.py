"""Why is loading slow? The span of the load says where its time went, and names the slowest file.

The program opens files and does nothing else for it. A folder that takes its time stands in for the NAS, and the
setting `files.network` says that it is one; a real mount is known from the mount table. The texture that takes
longest has a span of its own as well: `clientobs show` draws it below "load scene".

You will see:

    4 files opened, 32768 bytes read
    slowest: hero_disp.exr, an open of 0.3... s
    on the NAS ...% of the time in files
"""

import builtins
import io
import os
import tempfile
import time

import clientobs

folder = tempfile.TemporaryDirectory()
nas = os.path.join(folder.name, "nas")
os.mkdir(nas)
names = ["hero_diff.exr", "hero_spec.exr", "hero_disp.exr"]
paths = [*(os.path.join(nas, name) for name in names), os.path.join(folder.name, "local.json")]
for path in paths:
    with open(path, "wb") as file:
        file.write(b"\0" * 8192)

system_open = open


def slow_open(file, *args, **kwargs):
    if str(file).startswith(nas):
        time.sleep(0.3 if "disp" in str(file) else 0.02)
    return system_open(file, *args, **kwargs)


builtins.open = io.open = slow_open  # what the NAS does; clientobs comes on top of it

clientobs.init("slow-nas", files={"network": [nas]})

with clientobs.span("load scene") as load:
    for path in paths:
        with open(path, "rb") as file:
            file.read()

told = load.attributes
print(f"{told['file.io.opened']} files opened, {told['file.io.read']} bytes read")
slowest, seconds = os.path.basename(told["file.io.slowest.path"]), told["file.io.slowest.time"]
print(f"slowest: {slowest}, an {told['file.io.slowest.operation']} of {seconds:.2f} s")
print(f"on the NAS {told['file.io.network.time'] / told['file.io.time']:.0%} of the time in files")

clientobs.shutdown()
folder.cleanup()
