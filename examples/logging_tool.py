"""What a tool writes through `logging` is in its trace, with the fields of `extra=` and the exception.

`clientobs show --all` has the two lines below the span `publish`. You will see:

    logged
"""

import logging

import clientobs

clientobs.init("logging-tool", version="1.0.0")

log = logging.getLogger("studio.publish")
log.setLevel(logging.INFO)
log.propagate = False  # as sgtk's and AYON's loggers are
log.addHandler(logging.NullHandler())

with clientobs.context(shot="sh0040"), clientobs.span("publish"):
    log.info("publishing %d frames", 48, extra={"codec": "prores"})
    try:
        open("/mnt/show/plates/sh0040.1001.exr", "rb").close()
    except OSError:
        log.exception("the plate is missing")

print("logged")
