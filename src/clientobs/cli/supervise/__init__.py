"""`clientobs run --farm` and `--dcc`: the command as a child whose end is seen, whatever it is written in.

child    fork, exec, wait: arguments, descriptors, signals and exit code as if nobody stood in between
exit_status  what only a parent knows of an end, left for the drain
words    what the command says last, where that can be read without its noticing
launch   whether an application's own Python has come up
command  the telemetry: a task of a farm, or the launch of an application
"""
