"""A stand-in for a person: stable, keyed, and nobody's name."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.privacy.pseudonym import installation_id, is_pseudonym, maker, pseudonym, user_attributes

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"k" * 32


@given(st.text(), st.binary(min_size=1, max_size=100))
def test_every_name_has_one_pseudonym_under_a_secret(name: str, secret: bytes) -> None:
    assert is_pseudonym(pseudonym(name, secret))
    assert pseudonym(name, secret) == maker(secret)(name)


def test_another_secret_makes_another_pseudonym() -> None:
    assert pseudonym("anna", SECRET) != pseudonym("anna", b"l" * 32)


@pytest.mark.parametrize("name", ["Anna", "STUDIO\\anna", "anna@studio.example", " anna ", "ANNA"])
def test_a_person_is_one_under_any_form_of_the_login(name: str) -> None:
    assert pseudonym(name, SECRET) == pseudonym("anna", SECRET)


@pytest.mark.parametrize("text", ["anna", "u-", "u-0123", "u-0123456789ABCDEF", "u-0123456789abcdef0"])
def test_a_name_is_not_taken_for_a_pseudonym(text: str) -> None:
    assert not is_pseudonym(text)


def test_the_policy_says_how_a_person_is_recorded() -> None:
    environ = {"USER": "anna"}
    assert user_attributes("none", SECRET, environ) == {}
    assert user_attributes("pseudonym", SECRET, environ) == {"user.id": pseudonym("anna", SECRET)}
    assert user_attributes("name", SECRET, environ) == {
        "user.id": pseudonym("anna", SECRET),
        "user.name": "anna",
    }


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="numbers of users are POSIX's")
@pytest.mark.parametrize("environ", [{}, {"USER": ""}])
def test_without_a_login_in_the_environment_the_local_accounts_tell_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    accounts = tmp_path / "passwd"
    accounts.write_bytes(b"+\nroot2:x\nanna:x:%d:100::/home/anna:/bin/sh\n" % os.getuid())
    assert user_attributes("name", SECRET, environ, str(accounts))["user.name"] == "anna"
    assert user_attributes("none", SECRET, environ, str(accounts)) == {}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="numbers of users are POSIX's")
def test_who_is_in_no_local_account_is_counted_by_number(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none")
    assert user_attributes("pseudonym", SECRET, {}, nowhere) == {
        "user.id": pseudonym(f"uid {os.getuid()}", SECRET)
    }


def test_the_installation_is_known_by_an_id_that_tells_nothing_of_the_secret() -> None:
    assert installation_id(SECRET) == installation_id(SECRET) != installation_id(b"l" * 32)
    assert len(installation_id(SECRET)) == 32
    assert SECRET.hex()[:8] not in installation_id(SECRET)


def test_privacy_brings_nothing_heavy_into_the_host() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "import clientobs.privacy.redaction, clientobs.privacy.environment, clientobs.semconv\n"
        "print(*sorted(name.partition('.')[0] for name in set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"hashlib", "_hashlib", "ssl", "_ssl", "socket", "json", "logging", "subprocess", "asyncio"}
    assert heavy.isdisjoint(result.stdout.split())
