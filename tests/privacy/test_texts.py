"""Secrets inside texts: found in every spelling, and nothing else is touched."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clientobs.privacy.keys import HINTS, MARKER, KeyRules
from clientobs.privacy.texts import TextRules, may_hold_secret
from support.planted import FORMS, INNOCENT_WORDS, innocent_texts, leaks, plain_secrets, secrets, tokens

RULES = TextRules(KeyRules())


def scrub(text: str) -> str:
    return RULES.scrub(text) if may_hold_secret(text) else text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ["hunter2-Zq9", "Zq9pässwort7", "Zq9a/b+c==", "Zq9!%x&y,z;w#"])
def test_no_form_of_writing_a_secret_hides_it(form: str, secret: str) -> None:
    if "<password>" in form:
        secret = secret.replace("&", "")
    assert not leaks(secret, scrub(form.format(secret)), form)


@given(secret=secrets(), form=st.sampled_from(FORMS), before=innocent_texts(), after=innocent_texts())
def test_a_planted_secret_survives_nowhere_in_a_text(secret: str, form: str, before: str, after: str) -> None:
    clean = scrub(f"{before}\n{form.format(secret)}\n{after}")
    assert not leaks(secret, clean, form, before, after)


@given(secret=plain_secrets(), form=st.sampled_from(FORMS), before=st.text(), after=st.text())
def test_a_planted_secret_survives_nowhere_whatever_stands_around_it(
    secret: str, form: str, before: str, after: str
) -> None:
    clean = scrub(f"{before}\n{form.format(secret)}\n{after}")
    assert not leaks(secret, clean, form, before, after)


@given(token=tokens(), before=innocent_texts(), after=innocent_texts())
def test_a_token_is_known_by_its_looks_under_any_name(token: str, before: str, after: str) -> None:
    clean = scrub(f"{before} {token} {after}")
    assert not leaks(token, clean, before, after, "Bearer https://hooks.slack.com/services/T0/B0/", size=16)


@given(innocent_texts())
def test_the_words_of_the_trade_stay_as_they_are(text: str) -> None:
    assert scrub(text) == text


@given(st.one_of(st.text(), innocent_texts()), st.sampled_from(FORMS), plain_secrets())
@example("", "password=[redacted]{}", "x")
def test_what_was_cleaned_once_is_clean(text: str, form: str, secret: str) -> None:
    once = scrub(f"{text} {form.format(secret)}")
    assert scrub(once) == once


@given(st.text(alphabet="passwordtokenkey=:\"'\\{}[]()<>/&;,@%- \n.", max_size=200))
def test_any_mixture_of_signs_is_cleaned_to_something_stable(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("password=a&b=c", "password=[redacted]&b=c"),
        ("f(password='x', y=1)", "f(password='[redacted]', y=1)"),
        ('{"password": "x", "user": "ron"}', '{"password": "[redacted]", "user": "ron"}'),
        ("mongodb://ron:a/b@db/x", "mongodb://[redacted]@db/x"),
        ("https://h/x?token=abc&frame=1001 done", "https://h/x?token=[redacted]&frame=1001 done"),
        ("Cookie: a=b; c=d\nnext line", "Cookie: [redacted]\nnext line"),
        ("tool --password x --frames 1-10", "tool --password [redacted] --frames 1-10"),
        ("<password>two words</password>", "<password>[redacted]</password>"),
        ("password='abc'defghij ok", "password='[redacted] ok"),
        ('password=abc"defghij ok', "password=[redacted] ok"),
        ("password: it's fine", "password: [redacted] fine"),
    ],
)
def test_only_the_secret_is_taken_out(text: str, clean: str) -> None:
    assert scrub(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "password=",
        "password=null",
        "password: True",
        "password=$DB_PASSWORD",
        "password=%DB_PASSWORD%",
        "Enter password:\nLogin as ron",
        "unexpected token: 'vec3'",
        "--password --frames 10",
        "PWD=/mnt/show OLDPWD=/home",
        r"PWD=P:\show",
        "--password <password> --user <user>",
        "key: value, keys=3, hot key: ctrl+s",
    ],
)
def test_a_name_without_a_secret_after_it_changes_nothing(text: str) -> None:
    assert scrub(text) == text


def test_the_marker_tells_neither_the_secret_nor_its_length() -> None:
    assert {scrub(f"password={'x' * length}") for length in (1, 8, 500)} == {f"password={MARKER}"}


def test_a_studios_own_pattern_is_applied_and_an_empty_match_is_none() -> None:
    rules = TextRules(KeyRules(), [re.compile(r"NDA-\d+"), re.compile("x*")])
    assert rules.scrub("show NDA-4711 axb") == f"show {MARKER} a{MARKER}b"


def test_each_hint_is_in_the_prefilter() -> None:
    unknown = [hint for hint in HINTS if not may_hold_secret(f"{hint}=x")]
    assert unknown == []


@pytest.mark.parametrize("word", INNOCENT_WORDS)
def test_an_everyday_word_is_not_touched(word: str) -> None:
    assert scrub(word) == word
