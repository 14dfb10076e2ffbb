"""Instruments: what is recorded of a program that does nothing for it.

Each is a class with `instrument()` and `uninstrument()` in a module of its own that loads when it is switched
on; `registry.py` knows them by name. All patch through `patching.py`, so that undo restores exactly and a patch
that somebody laid on top of ours lives on.
"""
