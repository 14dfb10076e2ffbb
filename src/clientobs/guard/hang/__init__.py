"""The watch over hangs: is the main thread answering, and where does it stand when it isn't.

    watch.py    what is watched, when it is a hang, what is written of it
    stacks.py   where the threads stand, as text that keeps no frame alive
    loop.py     the event loop of Qt, asked once a second without Python on its thread
    standing.py is a thread at work or does it stand still
    case.py     the words of all this
    others.py   what the other threads stand in, for known work
    waits.py    who waits for whom
    pools.py    ... for whose end or result
    wakes.py    ... and to be told what
    expressions.py  what stands in the line that waits
    values.py   ... and which object that is

The host only writes down; what is told of it, and all that can be seen from outside, is the drain's (drain/hangs).
"""
