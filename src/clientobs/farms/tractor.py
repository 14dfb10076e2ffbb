"""Tractor: a carrier as an environment key of a job, a task or a command.

The blade's handler for keys that begin with `setenv` splits the key at white space and each word at its first
equals sign: `setenv NAME=value NAME=value`, one key for all (setenvhandler in TrEnvHandler.py). A carrier has no
white space: the values of its baggage are percent-encoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clientobs.farms.carriers import for_a_job

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["envkey"]


def envkey(carrier: Mapping[str, str]) -> list[str]:
    """Return the keys to add to `envkey` of tractor.api.author.Job; empty for an empty carrier.

    In an alfscript, `-envkey {{setenv TRACEPARENT=...}}`.

    >>> envkey({"TRACEPARENT": "00-1-2-01", "BAGGAGE": "production.shot=sh020"})
    ['setenv TRACEPARENT=00-1-2-01 BAGGAGE=production.shot=sh020']
    """
    chosen = {name: "".join(value.split()) for name, value in for_a_job(carrier).items()}
    words = [f"{name}={value}" for name, value in chosen.items()]
    return [" ".join(["setenv", *words])] if words else []
