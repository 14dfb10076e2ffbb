"""The code of a problem report: six characters that can be read out over the phone.

32 characters, of which none is taken for another: no I and O, no 0 and 1. Six of them are 2**30 codes, drawn at
random on each machine without asking anybody. The chance that some two of n reports share a code is about
n**2 / 2**31: one in 2,000 for a thousand reports within the time that a back end keeps them, 5 % for ten thousand;
a search then finds two reports, each with its own machine and time.

A code has a letter beyond F, so that it is never taken for the beginning of a trace id.
"""

from __future__ import annotations

from typing import Final

from clientobs._ids import ids

__all__ = ["ALPHABET", "new_code", "normalized_code"]

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH: Final = 6
_HEX: Final = frozenset("0123456789ABCDEF")
_MOST_WRITTEN: Final = 32


def new_code() -> str:
    """Return a random code, like "K7Q-3FD".

    >>> normalized_code(code := new_code()) == code
    True
    """
    while True:
        drawn = "".join(ALPHABET[ids.below(len(ALPHABET))] for _ in range(_LENGTH))
        if not _HEX.issuperset(drawn):
            return f"{drawn[:3]}-{drawn[3:]}"


def normalized_code(text: str) -> str | None:
    """Return what somebody wrote down as a code, or None where it can't be one.

    >>> normalized_code(" k7q 3fd"), normalized_code("4bf92f"), normalized_code("K7Q-3F0")
    ('K7Q-3FD', None, None)
    """
    if len(text) > _MOST_WRITTEN:
        return None
    drawn = "".join(character for character in text.upper() if character.isalnum())
    if len(drawn) != _LENGTH or not set(drawn) <= set(ALPHABET) or _HEX.issuperset(drawn):
        return None
    return f"{drawn[:3]}-{drawn[3:]}"
