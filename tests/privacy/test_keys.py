"""Which names hold secrets, and which only sound like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs import semconv
from clientobs.privacy import keys
from clientobs.privacy.keys import HINTS, KeyRules, words_of

SECRET = (
    *("password", "Password", "db.password", "dbPassword", "MYSQL_PASSWORD", "password2", "new-password"),
    *(
        "passwd",
        "passphrase",
        "user_pass",
        "smtp.pass",
        "KITSU_PWD",
        "pw",
        "token",
        "accessToken",
        "GITHUB_TOKEN",
    ),
    *(
        "AYON_API_KEY",
        "FTRACK_API_KEY",
        "X-Api-Key",
        "apikey",
        "apiKeys",
        "script_key",
        "aws_secret_access_key",
    ),
    *("AWS_ACCESS_KEY_ID", "private_key", "client_secret", "secret", "secrets", "Authorization", "auth"),
    *("http.request.header.authorization", "proxy-authorization", "Cookie", "Set-Cookie", "OPENPYPE_MONGO"),
    *(
        "AVALON_MONGO",
        "SGTK_CONTEXT",
        "TANK_CONTEXT",
        "credentials",
        "password.value",
        "token_0",
        "jwt",
        "_auth",
    ),
    *(
        "SG_KEY",
        "AZURE_STORAGE_KEY",
        "AWS_SESSION_TOKEN",
        "SHOTGUN_SCRIPT_KEY",
        "SHOTGUN_DESKTOP_CURRENT_USER",
    ),
    *("GCP_SERVICE_ACCOUNT_KEY", "GOOGLE_APPLICATION_CREDENTIALS_JSON", "SLACK_BOT_TOKEN", "KITSU_PASS"),
    *("--password", "-Dpassword", "X-Amz-Signature", "licence_key", "password_hash", "PGPASSWORD"),
)
OPEN = (
    *(
        "keyframe",
        "keyer",
        "key",
        "keys",
        "shape_key",
        "hotkey",
        "monkey",
        "key_count",
        "session",
        "session.id",
    ),
    *(
        "session_key",
        "author",
        "authored_by",
        "pass",
        "passes",
        "render_pass",
        "beautyPass",
        "passport",
        "compass",
    ),
    *(
        "bypass",
        "token_ring",
        "tokens",
        "max_tokens",
        "gen_ai.usage.input_tokens",
        "password_file",
        "secretary",
    ),
    *(
        "token_type",
        "auth_method",
        "signature",
        "cookie_consent",
        "tool.name",
        "production.shot",
        "passthrough",
    ),
    *("REZ_USED_REQUEST", "REZ_USED_RESOLVE", "REZ_MAYA_VERSION", "DEADLINE_TASK_ID", "DEADLINE_SESSION_ID"),
    *(
        "key_light",
        "pass_beauty",
        "render_pass",
        "password_reset_ui.py",
        "token_ring.ma",
        "monkey",
        "htpasswd",
    ),
    *("SHOTGUN_ENTITY_ID", "AYON_APP_NAME", "CUE_FRAME_ID", "TR_ENV_JID", "current_user", "KITSU_API_URL"),
    *("file.path", "keyLight", "turkey", "donkey", "primary_key", "foreign_key", "", "...", "design"),
)


@pytest.mark.parametrize("key", SECRET)
def test_a_name_of_a_secret_is_known_in_any_spelling(key: str) -> None:
    assert KeyRules().verdict(key) == "secret"


@pytest.mark.parametrize("key", OPEN)
def test_a_word_of_the_trade_is_left_alone(key: str) -> None:
    assert KeyRules().verdict(key) == "open"


@pytest.mark.parametrize("key", ["PWD", "pwd", "OLD_PWD"])
def test_the_working_folder_is_judged_by_its_value(key: str) -> None:
    assert KeyRules().verdict(key) == "path"


@pytest.mark.parametrize("key", ["production.user", "farm.job.user", "process.owner", "user.name"])
def test_a_name_of_a_person_is_known(key: str) -> None:
    assert KeyRules().verdict(key) == "person"


@pytest.mark.parametrize("name", sorted({entry[2] for entry in semconv.ENTRIES}))
def test_no_name_of_ours_sounds_like_a_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are open without a look: the look would have said the same."""
    known = KeyRules().verdict(name)
    monkeypatch.setattr(keys, "_OUR_NAMES", frozenset())
    assert KeyRules().verdict(name) == known != "secret"


def test_a_studio_can_add_names_and_take_back_built_in_ones() -> None:
    rules = KeyRules(redact=["production.client*", "auth"], allow=["usd.TOKEN", "auth"])
    assert [rules.verdict(key) for key in ("Production.Client.Name", "usd.token", "auth", "token")] == [
        "secret",
        "open",
        "secret",
        "secret",
    ]


@given(st.text())
def test_every_text_gets_a_verdict_and_always_the_same(key: str) -> None:
    rules = KeyRules()
    assert rules.verdict(key) == rules.verdict(key) == KeyRules().verdict(key)


@pytest.mark.parametrize("key", SECRET)
def test_every_name_of_a_secret_holds_one_of_the_hints(key: str) -> None:
    assert any(hint in key.lower() for hint in HINTS)


def test_the_cache_of_verdicts_is_bounded() -> None:
    rules = KeyRules()
    for number in range(10_000):
        rules.verdict(f"key{number}")
    assert len(rules._seen) <= 4096


def test_words_are_cut_alike_in_every_convention() -> None:
    spellings = ("ayonApiKey", "AYON_API_KEY", "ayon-api-key", "Ayon.Api.Key", "AyonAPIKey")
    assert {words_of(key) for key in spellings} == {"ayon_api_key"}
