"""Random numbers of our own: ids, jitter, codes.

The SDK draws trace and span ids, and its exemplar reservoirs, from the global `random`: a tool that seeds it
then repeats its trace ids, and gets another sequence with telemetry on than with it off. This generator is
seeded once from the operating system and again in a forked child.
"""

from __future__ import annotations

import random
from typing import Final

__all__ = ["Ids", "ids"]


class Ids:
    """Trace ids, span ids and hex names from a private generator.

    >>> Ids().trace_id().bit_length() <= 128
    True
    """

    __slots__ = ("_bits", "_random")

    def __init__(self) -> None:
        self.reseed()

    def reseed(self) -> None:
        """Draw a new seed from the operating system (after fork the child would repeat its parent)."""
        self._random = random.Random()  # noqa: S311  # ids need to be unique, not secret
        self._bits = self._random.getrandbits

    def trace_id(self) -> int:
        """Return a 128-bit id, never zero."""
        while not (value := self._bits(128)):
            pass
        return value

    def span_id(self) -> int:
        """Return a 64-bit id, never zero."""
        while not (value := self._bits(64)):
            pass
        return value

    def hex_id(self, bits: int = 128) -> str:
        """Return `bits` random bits as lower-case hex of fixed length."""
        return f"{self._bits(bits):0{bits // 4}x}"

    def below(self, limit: int) -> int:
        """Return a number in 0 <= n < limit."""
        return self._random.randrange(limit)

    def fraction(self) -> float:
        """Return a number in 0 <= x < 1 (full jitter)."""
        return self._random.random()


ids: Final = Ids()
"""The generator of this process."""
