"""A span, an event inside it, and the id by which a backend finds them.

You will see:

    this is trace ...: 32 characters
    `clientobs show` draws it
"""

import clientobs

clientobs.init("first-span", version="1.0.0")

with clientobs.span("load_scene", references=3) as span:
    clientobs.event("scene.loaded", "Loaded, one reference is missing", severity="warn", missing="hero_rig")
    span.set_attribute("file.size", 1_482_011)
    trace_id = clientobs.trace_id() or ""

# Until here nothing was sent, and nothing needs to be: the record is on this machine's disk.
clientobs.shutdown()

print(f"this is trace {trace_id}: {len(trace_id)} characters")
print("`clientobs show` draws it")
