"""The drain: the process (or thread) that reads journals and delivers them over OTLP.

Everything slow, heavy or fragile lives here and not in the host: protobuf, gRPC, TLS, retries. By folder:

- `launch`: getting a drain started, so that the host can't notice.
- `runs`: which runs there are, what of them still waits, how the dead ones ended.
- `metrics`: the deltas of all runs added up, and the machine's vitals.
- `otlp`: protobuf, HTTP, gRPC, and what each answer means.
- `service`: the loop that sends and acknowledges, and says how it goes.

`assembly` puts them together, `life` takes the lock and does rounds, `__main__` and `thread` are the two ways in.
"""
