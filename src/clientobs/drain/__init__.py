"""The drain: the process (or thread) that reads journals and delivers them over OTLP.

Everything slow, heavy or fragile lives here and not in the host: protobuf, gRPC, TLS, retries.
"""
