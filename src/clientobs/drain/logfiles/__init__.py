"""Old log files: what tools already write is followed and recorded, so that nobody has to change them.

    source      which files an entry of the configuration means, on this machine, now
    globs       the search for them, which has an end
    cursor      one file: how far it was read, across rotation, truncation and restart
    lines       bytes to lines of text, whatever the encoding, however long
    entries     lines to entries: what belongs together is one record
    boundaries  where an entry begins
    tracebacks  which lines belong to a traceback, and what it says
    grammar     an entry's stamp: time, severity, exception; the presets of known tools are in config/log_presets.py
    times       the time that a stamp says
    voice       entries to records of a run of the drain's own, redacted before they are on disk
    positions   how far each file was read, kept between drains
    follower    the thread that does all that for one entry of the configuration

The records take the same way as a host's: journal, delivery, acknowledgement. So what is promised of those
holds here too: bounded on disk, nothing lost by a kill, the endpoint may be away for a weekend.
"""
