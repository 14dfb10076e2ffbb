"""What a receiver got, as short answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.otlp_receiver import OtlpReceiver, Received

__all__ = ["names", "raw", "values"]


def names(receiver: OtlpReceiver) -> list[str]:
    return sorted(span.record.name for span in receiver.spans())


def raw(got: Received) -> bytes:
    return got.message.SerializeToString() if got.message is not None else b""


def values(receiver: OtlpReceiver, name: str) -> list[int]:
    return [one.record.sum.data_points[0].as_int for one in receiver.metrics() if one.record.name == name]
