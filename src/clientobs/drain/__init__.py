"""The drain: the process that reads journals and delivers them over OTLP.

Only `launch` and what it imports is ever loaded in a host (apart from `thread` mode).
"""
