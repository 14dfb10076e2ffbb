"""An exception in a thread that nobody waits for: it is recorded, with no help from the tool.

`clientobs show --all` has the exception with its stack. You will see:

    the tool thinks that all is well
"""

import threading

import clientobs

threading.excepthook = lambda _arguments: None  # a host whose console nobody sees

clientobs.init("nobody-saw", version="1.0.0")


def encode(frame: int) -> None:
    raise RuntimeError(f"encoder gave up at frame {frame}")


with clientobs.context(shot="sh0040"), clientobs.span("publish"):
    worker = threading.Thread(target=encode, args=(37,), name="encoder")
    worker.start()
    worker.join()

print("the tool thinks that all is well")
