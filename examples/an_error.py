"""An error passes through unchanged; its span is failed and one log record carries the traceback.

A user who presses Esc is no failure: KeyboardInterrupt ends a span as cancelled.

You will see:

    the tool's own handling sees it: FileNotFoundError
    stopped by the artist
"""

import clientobs

clientobs.init("an-error", version="1.0.0")


@clientobs.traced
def read_cache(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


try:
    with clientobs.context(shot="sh0040"), clientobs.span("publish"):
        read_cache("/mnt/show/cache/sim.1001.abc")
except OSError as error:
    print("the tool's own handling sees it:", type(error).__name__)

try:
    with clientobs.span("long_simulation"):
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print("stopped by the artist")
