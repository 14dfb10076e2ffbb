"""Counters, histograms and gauges: made once, by name, before or after init().

The drain adds them up for the whole machine, so a hundred short processes make one series and not a hundred.

You will see:

    rendered 3 frames
    counter() gives the same object again: True
"""

import clientobs

FRAMES = clientobs.counter("example.frames.rendered", "{frame}", "Frames that were rendered.")
TIMES = clientobs.histogram("example.frame.duration", "s", "Time for one frame.")
QUEUE = clientobs.gauge("example.queue.length", "{frame}", "Frames that wait.")

clientobs.init("metrics", version="1.0.0")

waiting = [(1001, 0.8), (1002, 1.1), (1003, 0.9)]
rendered = 0
while waiting:
    frame, seconds = waiting.pop()
    FRAMES.add(1, renderer="karma")
    TIMES.record(seconds, renderer="karma")
    QUEUE.set(len(waiting))
    rendered += 1

print(f"rendered {rendered} frames")
again = clientobs.counter("example.frames.rendered")
print("counter() gives the same object again:", again is FRAMES)
