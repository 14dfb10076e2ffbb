"""A texture is missing and the tool says only "failed": its name is on the span, under the right shot.

The tool swallows the error, as tools do. What it asked for is told all the same, as the program wrote it and in
the form that is the same on every system; `clientobs show` has it, and so has the studio's back end.

You will see:

    Load failed.
    under shot sq010_sh020: ENOENT open {proj}/textures/wood_diffuse.exr
"""

import os
import sys
import tempfile

import clientobs

project = tempfile.TemporaryDirectory()
system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")

clientobs.init("missing-texture", roots={"proj": {system: project.name}})


def load_textures(names: list[str]) -> bool:
    try:
        for name in names:
            with open(os.path.join(project.name, "textures", name), "rb") as file:
                file.read()
    except OSError:
        return False
    return True


shot = "sq010_sh020"
with clientobs.context(shot=shot), clientobs.span("load textures") as load:
    if not load_textures(["wood_diffuse.exr", "wood_bump.exr"]):
        print("Load failed.")

for failure in load.attributes["file.io.failures"]:
    print(f"under shot {shot}: {failure}")

clientobs.shutdown()
project.cleanup()
