"""BLAKE2b without hashlib, which would load OpenSSL into the host: 2.6 ms, and a host may have another copy."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # pragma: no cover  # a Python built without the C module
    from hashlib import blake2b

__all__ = ["blake2b"]
