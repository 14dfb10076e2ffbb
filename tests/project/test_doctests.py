"""The examples in docstrings show what they claim."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING

import pytest

import clientobs

if TYPE_CHECKING:
    from clientobs._guarded import Faults

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
OTHER_SYSTEMS = ("win", "mac", "posix", "linux")


def module_names() -> list[str]:
    found = pkgutil.walk_packages(clientobs.__path__, "clientobs.")
    return ["clientobs", *(module.name for module in found if not module.name.endswith("__main__"))]


@pytest.mark.parametrize("name", module_names())
def test_examples_in_docstrings_hold(name: str, lenient_faults: Faults) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError:
        if any(word in name.rpartition(".")[2] for word in OTHER_SYSTEMS):
            pytest.skip(f"not for {sys.platform}")
        raise
    results = doctest.testmod(module, optionflags=OPTIONS)
    assert results.failed == 0
