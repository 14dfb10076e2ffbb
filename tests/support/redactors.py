"""Redactors as the pipeline builds them, with a ledger to look into."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import Any

from clientobs._loss import LossLedger
from clientobs.config.model import LimitsConfig, PrivacyConfig
from clientobs.privacy.redaction import Redactor

__all__ = ["assert_any_encoder_takes", "flatten", "make"]


def make(policy: PrivacyConfig | None = None, **limits: Any) -> tuple[Redactor, LossLedger]:
    """Return a redactor and the ledger that it counts in."""
    loss = LossLedger()
    return Redactor(policy or PrivacyConfig(), LimitsConfig(**limits), loss), loss


def flatten(value: object) -> Iterator[object]:
    """Yield every scalar of a plain value, keys included; fail on anything that is not plain."""
    if type(value) is dict:
        for key, inner in value.items():
            assert type(key) is str
            yield key
            yield from flatten(inner)
    elif type(value) is list:
        for inner in value:
            yield from flatten(inner)
    else:
        assert type(value) in (str, int, float, bool, bytes, type(None))
        yield value


def assert_any_encoder_takes(value: Any) -> None:
    """Fail on what an OTLP encoder would refuse."""
    assert marshal.loads(marshal.dumps(value, 2)) is not None
    for scalar in flatten(value):
        if type(scalar) is str:
            assert "\0" not in scalar
            assert scalar.encode("utf-8").decode("utf-8") == scalar
        if type(scalar) is int:
            assert -(2**63) <= scalar < 2**63
