"""An exception in a callback that the host swallows: it is recorded, and the host goes on as ever.

`clientobs show --all` has the exception with its stack, below the span `open scene`. You will see:

    the host says: scene opened
"""

import contextlib
from collections.abc import Callable

import clientobs
from clientobs.instruments.exceptions import callback

clientobs.init("nobody-saw", version="1.0.0")


def host_opens_a_scene(after_open: Callable[[], None]) -> str:
    with contextlib.suppress(Exception):  # as some hosts do: without a word
        after_open()
    return "scene opened"


@callback(name="kAfterOpen")
def load_references() -> None:
    raise RuntimeError("reference hero_rig is not in the scene")


with clientobs.context(shot="sh0040"), clientobs.span("open scene"):
    print("the host says:", host_opens_a_scene(load_references))
