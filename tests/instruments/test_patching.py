"""What a wrapper of a built-in function tells of itself, and when that is worked out."""

from __future__ import annotations

import inspect
import os

import pytest

from clientobs.instruments.patching import in_place_of


def seen(_module: object, *args: object, **kwargs: object) -> object:
    return args, kwargs


def test_no_signature_is_worked_out_before_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = str(inspect.signature(os.stat))
    with monkeypatch.context() as patch:
        patch.delattr(inspect, "signature")
        wrapper = in_place_of(seen, os.stat, "os")

    assert str(inspect.signature(wrapper)) == expected


def test_a_function_that_tells_no_signature_tells_none_wrapped() -> None:
    with pytest.raises(ValueError, match="signature"):
        inspect.signature(dir)

    with pytest.raises(ValueError, match="signature"):
        inspect.signature(in_place_of(seen, dir, "builtins"))


def test_unwrapping_leads_to_the_original() -> None:
    wrapper = in_place_of(seen, os.getcwd, "os")

    assert inspect.unwrap(wrapper) is os.getcwd
    assert wrapper.__wrapped__() == os.getcwd()
