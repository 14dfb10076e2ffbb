"""Bundles: the last minutes of a machine's journals in one file, for a machine that has no network at all.

    manifest.json                 what is in it, of when, of which runs, what was left out
    doctor.json, doctor.txt       what `clientobs doctor` found there
    records/<run>/<lane>-<number>.jsonl   one span or log a line, redacted as it was in the journal
    environments/<id>.json        variables or packages that the sessions refer to
    faults/<run>.txt              the Python stacks of a crash
    attachments/<run>/<name>      screenshots of problem reports

Text, not the journal's own segments: those hold marshal, which must not be read from somebody else's file
(docs.python.org/3/library/marshal.html), and a bundle comes by mail.
"""
