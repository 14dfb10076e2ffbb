"""Hangs seen from outside: what a host writes while it stands still, and what it can't write any more.

watch.py      all hosts of a drain, looked at four times a second
episode.py    one hang: what its host, or py-spy, has seen of it
silence.py    a host whose beat has stopped: its interpreter is held
spyglass.py   py-spy, for the Python stacks of such a host
storage.py    does the mount that a host waits for answer anybody
telling.py    a hang in words and attributes
witness.py    records under the session of the host that could not speak
"""
