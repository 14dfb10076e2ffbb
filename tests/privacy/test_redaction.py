"""The redactor as the pipeline uses it: clean, plain, bounded, counted, and never in the host's way."""

from __future__ import annotations

import enum
import math
import pathlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs._loss import LossLedger
from clientobs.config.model import LimitsConfig, PrivacyConfig
from clientobs.privacy.keys import MARKER
from clientobs.privacy.redaction import Redactor
from support.odd_values import ODD_VALUES, odd_values
from support.planted import FORMS, innocent_texts, leaks, plain_secrets, tokens
from support.redactors import assert_any_encoder_takes, make

if TYPE_CHECKING:
    from clientobs._guarded import Faults


REDACTOR, _ = make()


def test_ordinary_attributes_pass_unchanged_into_a_new_dict() -> None:
    given_ = {"production.shot": "sh010", "frame": 1001, "ratio": 0.5, "ok": True, "tool.outcome": "ok"}
    clean = REDACTOR.attributes(given_)
    assert clean == given_
    assert clean is not given_


def test_the_values_of_secret_names_are_replaced_whatever_their_type() -> None:
    clean = REDACTOR.attributes(
        {
            "password": "x",
            "api_key": 12345678,
            "token": b"x",
            "auth": ["a", "b"],
            "secret": {"a": 1},
            "jwt": 0.5,
        }
    )
    assert set(clean.values()) == {MARKER}


def test_a_switch_under_a_secret_name_is_no_secret() -> None:
    assert REDACTOR.attributes({"auth": True, "token": None, "password": ""}) == {
        "auth": True,
        "token": None,
        "password": "",
    }


def test_true_and_one_are_not_mixed_up_by_any_cache() -> None:
    clean = REDACTOR.attributes({"a": True, "b": 1, "c": 1.0, "d": "1", "e": False, "f": 0})
    assert [(key, type(value)) for key, value in clean.items()] == [
        ("a", bool),
        ("b", int),
        ("c", float),
        ("d", str),
        ("e", bool),
        ("f", int),
    ]


def test_a_text_is_clean_under_one_key_and_secret_under_another() -> None:
    redactor, _ = make()
    assert redactor.attributes({"note": "hunter2", "password": "hunter2"}) == {
        "note": "hunter2",
        "password": MARKER,
    }


def test_the_working_folder_is_kept_and_a_password_called_pwd_is_not() -> None:
    assert REDACTOR.attributes({"PWD": "/mnt/show", "pwd": "hunter2"}) == {"PWD": "/mnt/show", "pwd": MARKER}


@given(
    secret=plain_secrets(),
    form=st.sampled_from(FORMS),
    key=st.sampled_from(("note", "file.path", "log", "process.command_args")),
    shape=st.sampled_from(
        ("text", "list", "tuple", "dict", "deep", "bytes", "key", "body", "name", "url", "argv")
    ),
    around=innocent_texts(),
)
def test_a_planted_secret_survives_nowhere_in_a_record(
    secret: str, form: str, key: str, shape: str, around: str
) -> None:
    text = f"{around}\n{form.format(secret)}\n{around}"
    shapes: dict[str, Any] = {
        "text": lambda: REDACTOR.attributes({key: text}),
        "list": lambda: REDACTOR.attributes({key: [around, text]}),
        "tuple": lambda: REDACTOR.attributes({key: (1, text)}),
        "dict": lambda: REDACTOR.attributes({key: {"inner": text}}),
        "deep": lambda: REDACTOR.attributes({key: [{"a": [{"b": text}]}]}),
        "bytes": lambda: REDACTOR.attributes({key: text.encode()}),
        "key": lambda: REDACTOR.attributes({text: 1}),
        "body": lambda: REDACTOR.body(text),
        "name": lambda: REDACTOR.name(text),
        "url": lambda: REDACTOR.url(text),
        "argv": lambda: REDACTOR.arguments(["tool", text]),
    }
    assert not leaks(secret, repr(shapes[shape]()), form, around)


def test_sentences_in_a_list_keep_what_follows_a_secret_and_arguments_do_not() -> None:
    lines = [
        "token=[redacted] failed (0 s ago)",
        "token=hunter2 was refused",
        "for --password",
        "all is well",
    ]
    for key in ("problem.errors", "session.log_lines", "problem.traces.name", "app.hang.waits"):
        assert REDACTOR.attributes({key: lines}) == {
            key: [
                "token=[redacted] failed (0 s ago)",
                "token=[redacted] was refused",
                "for --password",
                "all is well",
            ]
        }
    assert REDACTOR.attributes({"arguments": lines})["arguments"][:2] == ["token=[redacted]"] * 2
    assert REDACTOR.attributes({"problem.errors": 3}) == {"problem.errors": 3}


def test_a_studio_may_still_redact_a_list_of_sentences_whole() -> None:
    strict, _ = make(PrivacyConfig(redact_keys=("problem.errors",)))
    assert strict.attributes({"problem.errors": ["all is well"]}) == {"problem.errors": "[redacted]"}


@given(tokens())
def test_a_token_survives_nowhere_in_a_record(token: str) -> None:
    clean = repr(REDACTOR.attributes({"note": token, token: 1, "list": [token], "bytes": token.encode()}))
    assert not leaks(token, clean, "Bearer https://hooks.slack.com/services/T0/B0/", size=16)


def test_pairs_and_name_value_dicts_are_read_as_what_they_are() -> None:
    clean = REDACTOR.attributes(
        {
            "headers": [("Authorization", "Basic x"), ("Accept", "json")],
            "env": [{"name": "AYON_API_KEY", "value": "x"}, {"name": "OCIO", "value": "/c.ocio"}],
            "header": {"Set-Cookie": "a=b", "Accept": "json"},
        }
    )
    assert clean == {
        "headers": [["Authorization", MARKER], ["Accept", "json"]],
        "env": [{"name": "AYON_API_KEY", "value": MARKER}, {"name": "OCIO", "value": "/c.ocio"}],
        "header": {"Set-Cookie": MARKER, "Accept": "json"},
    }


def test_a_secret_in_wide_characters_is_found_in_bytes() -> None:
    assert REDACTOR.value("blob", "password=hunter2".encode("utf-16-le")) == MARKER.encode()


def test_bytes_without_a_secret_are_kept_byte_by_byte() -> None:
    blob = bytes(range(256))
    assert REDACTOR.value("blob", blob) == blob


@given(st.dictionaries(odd_values(hashable=True), odd_values(), max_size=8))
def test_nothing_that_a_host_hands_over_raises_or_stays_odd(mapping: dict[Any, Any]) -> None:
    assert_any_encoder_takes(REDACTOR.attributes(mapping))


@pytest.mark.parametrize("number", range(len(ODD_VALUES)))  # by number: pytest itself fails on some of them
def test_every_entry_takes_anything(number: int) -> None:
    anything = ODD_VALUES[number]
    results = [
        REDACTOR.attributes(anything),
        REDACTOR.attributes({"odd": anything}),
        REDACTOR.value("odd", anything),
        REDACTOR.body(anything),
        REDACTOR.text(anything),
        REDACTOR.name(anything),
        REDACTOR.url(anything),
        REDACTOR.arguments(anything),
    ]
    assert_any_encoder_takes(results)


@given(
    st.dictionaries(
        st.text(), st.one_of(st.text(), innocent_texts(), st.integers(), st.floats(allow_nan=False))
    )
)
def test_what_was_cleaned_once_is_clean(mapping: dict[str, Any]) -> None:
    once = REDACTOR.attributes(mapping)
    assert REDACTOR.attributes(once) == once


@given(st.dictionaries(st.sampled_from(("note", "file.path", "dcc.name")), innocent_texts()))
def test_innocent_attributes_pass_unchanged(mapping: dict[str, str]) -> None:
    assert REDACTOR.attributes(mapping) == mapping


def test_a_dict_that_changes_meanwhile_is_read_once_more() -> None:
    class Changing(dict[str, Any]):
        def items(self) -> Any:
            yield "a", 1
            raise RuntimeError("dictionary changed size during iteration")

    assert REDACTOR.attributes(Changing(a=1, b=2)) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plate_\udcff.exr", "plate_\\udcff.exr"),
        ("a\0b", "a\\x00b"),
        ("\ud83d alone", "\\ud83d alone"),
        ("grün 漢字 🎬", "grün 漢字 🎬"),
    ],
)
def test_what_an_encoder_refuses_is_escaped_and_the_rest_is_not(text: str, clean: str) -> None:
    assert REDACTOR.attributes({text: text}) == {clean: clean}
    assert REDACTOR.name(text) == REDACTOR.text(text) == REDACTOR.body(text) == clean


def test_odd_types_become_what_they_stand_for() -> None:
    class Pass(enum.IntEnum):
        BEAUTY = 3

    class Shot(str):
        __slots__ = ()

    mapping = OrderedDict(
        big=2**70, enum=Pass.BEAUTY, shot=Shot("sh010"), path=pathlib.PurePosixPath("/a/b"), error=ValueError("no"),
        set={"x"}, inf=math.inf, huge=10**5000,
    )  # fmt: skip
    clean = REDACTOR.attributes(mapping)
    assert {key: value for key, value in clean.items() if key != "huge"} == {
        "big": str(2**70),
        "enum": 3,
        "shot": "sh010",
        "path": "/a/b",
        "error": "no",
        "set": ["x"],
        "inf": math.inf,
    }
    assert clean["huge"].startswith("0x")
    assert [type(clean[key]) for key in ("enum", "shot")] == [int, str]


@pytest.mark.parametrize("name", ["", "   ", None])
def test_a_name_is_never_empty(name: object) -> None:
    assert REDACTOR.name(name) in ("(unnamed)", "None")
    assert list(REDACTOR.attributes({"": 1})) == ["(unnamed)"]


def test_a_name_is_bounded() -> None:
    assert len(REDACTOR.name("n" * 100_000)) == 256


def test_a_url_without_a_scheme_loses_its_user_info_too() -> None:
    assert REDACTOR.url("ron:pw@nas/x?sig=1") == f"{MARKER}@nas/x?sig={MARKER}"


def test_the_caches_are_bounded_and_hold_no_secret() -> None:
    redactor, _ = make()
    for number in range(10_000):
        redactor.attributes(
            {f"key{number}": f"value{number}", "note": f"password=hunter{number}", "token": "hunter"}
        )
        redactor.name(f"span {number}")
        redactor.value("PWD", f"/mnt/{number}")
    redactor.value("note", "y" * 300)
    tables = [*redactor._tables.values(), redactor._names]
    assert max(map(len, tables)) <= 4096
    assert len(redactor._keys) <= 4096
    held = [text for table in tables for text in table]
    assert not [text for text in held if "hunter" in text or len(text) > 256]


@pytest.mark.parametrize(
    ("user", "recorded"), [("pseudonym", "u-0123456789abcdef"), ("name", "anna"), ("none", MARKER)]
)
def test_a_person_is_recorded_as_the_policy_says(user: Any, recorded: str) -> None:
    policy, limits = PrivacyConfig(user=user), LimitsConfig()
    redactor = Redactor(policy, limits, LossLedger(), pseudonym=lambda _: "u-0123456789abcdef")
    once = redactor.attributes({"production.user": "anna"})
    assert once == {"production.user": recorded}
    assert redactor.attributes(once) == once


def test_without_a_pseudonym_maker_a_persons_name_is_replaced() -> None:
    assert REDACTOR.attributes({"farm.job.user": "anna"}) == {"farm.job.user": MARKER}


def test_a_studios_own_rules_are_applied() -> None:
    redactor, _ = make(
        PrivacyConfig(redact_keys=("client.*",), redact_values=(r"NDA-\d+",), allow_keys=("usd.token",))
    )
    assert redactor.attributes(
        {"client.name": "x", "note": "NDA-7", "usd.token": "xformOp", "token": "y"}
    ) == {
        "client.name": MARKER,
        "note": MARKER,
        "usd.token": "xformOp",
        "token": MARKER,
    }


def test_a_broken_pattern_of_a_studio_is_left_out_and_counted(lenient_faults: Faults) -> None:
    redactor, _ = make(PrivacyConfig(redact_values=("(", "NDA")))
    assert redactor.text("NDA (x") == f"{MARKER} (x"
    assert lenient_faults.counts() == {"privacy.redact_values": 1}


def test_what_cannot_be_cleaned_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, lenient_faults: Faults
) -> None:
    def broken(_: str) -> str:
        raise RuntimeError

    monkeypatch.setattr("clientobs.privacy.redaction.clean_text", broken)
    redactor, _ = make()
    assert redactor.text("password=hunter2") == MARKER
    assert lenient_faults.counts() == {"redaction": 1}


def test_a_mapping_of_the_host_is_read_like_a_dict() -> None:
    class Attributes(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return {"shot": "sh010", "password": "x"}[key]

        def __iter__(self) -> Iterator[str]:
            return iter(("shot", "password"))

        def __len__(self) -> int:
            return 2

    assert REDACTOR.attributes(Attributes()) == {"shot": "sh010", "password": MARKER}
