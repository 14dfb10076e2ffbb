"""Hangs seen from outside: what a host writes while it stands still, and what it can't write any more.

watch.py      all hosts of a drain, looked at four times a second
episode.py    one hang: what its host, or py-spy, has seen of it
silence.py    a host whose beat has stopped: its interpreter is held, or passed around
convoy.py     what proves a hang where it is passed around
spyglass.py   py-spy, for the Python stacks of such a host
storage.py    does the mount that a host waits for answer anybody
telling.py    a hang in words and attributes
told.py       what was told of a run, so that nothing is told twice
witness.py    records under the session of the host that could not speak
"""
