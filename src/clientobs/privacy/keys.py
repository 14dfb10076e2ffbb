"""Which names hold secrets: the rule for attribute keys, dict keys, flags, variables, query parameters, headers.

A name is cut into lower-case words (`AyonApiKey`, `AYON_API_KEY` and `ayon-api-key` are the same three), and
it is secret when its last words are: `api_key`, `db_pass`, `kitsu_pwd`, `token`. So the words of the trade
stay what they are: in `keyframe`, `shape_key`, `session.id`, `author`, `render_pass`, `token_ring` and
`password_file` the secret word is absent, is not the last one, or is not a secret in that company.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

from clientobs import semconv
from clientobs._patterns import pattern

__all__ = ["HINTS", "MARKER", "KeyRules", "Verdict", "is_path_like", "words_of"]

Verdict: TypeAlias = Literal["open", "secret", "path", "person"]
"""What becomes of a key's values: kept; replaced; kept where they are a path (PWD); made a pseudonym."""

MARKER: Final = "[redacted]"
"""What stands in the place of a secret: always the same, so that it tells neither the secret nor its length."""

HINTS: Final = (
    *("pass", "pw", "secret", "cred", "token", "key", "auth", "cookie", "otp", "jwt", "bearer", "_mongo"),
    *("k_context", "op_current_user", "sig"),
)  # fmt: skip
"""One of these is in every secret name, lower-cased: the search for names in `texts.py` starts from them."""

_MAX_CACHED: Final = 4096
_MAX_KEY: Final = 256

_WORD_BREAK: Final = pattern(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")

_ANYWHERE: Final = (
    r"pass_?words?|(?<!ht)passwd|pass_?phrase|pass_?code|passwort|api_?keys?|secret_?key|access_?keys?(?:_?id)?"
    r"|private_?key|auth_?token|access_?tokens?|refresh_?tokens?|authorization|credentials?"
)
_WHOLE_WORDS: Final = (
    r"token|secrets?|pw|auth|set_cookie|cookies?|otp|totp|jwt|bearer|[a-z0-9]+_mongo|sgtk_context|tank_context"
    # tk-desktop hands its user on to what it launches, session token and all.
    r"|shotgun_desktop_current_user"
    r"|(?:authorization|auth)_code|x_(?:amz|goog)_(?:signature|credential)"
    # `key` alone is an animation key, `pass` alone a render pass: it is their company that tells.
    r"|(?:app|auth|encryption|decryption|signing|master_encryption|licen[cs]e|activation|subscription|shared_access"
    r"|account|storage|ssh|ssl|tls|rsa|pgp|gpg|hmac|aes|script|deploy|webhook|ftrack|shotgun|shotgrid|sg|kitsu|ayon|deadline"
    r"|aws|gcp|google|azure|github|gitlab|slack)_key"
    r"|(?:db|database|user|usr|login|admin|root|smtp|mail|email|imap|ftp|sftp|ssh|ldap|sql|mysql|pg|postgres|redis"
    r"|proxy|http|https|basic|rabbit|rabbitmq|svn|git|p4|ftrack|shotgun|shotgrid|sg|kitsu|ayon|tractor|deadline|vpn|nas"
    r"|keystore|truststore|account|service|wifi)_pass"
)
_AFTERWARDS: Final = (
    r"\d{0,4}(?:_(?:value|text|string|hash|plain|raw|data|old|new|current|confirm|confirmation|again|repeat|base64"
    r"|b64|json|\d{1,4}))*$"
)
_SECRET: Final = pattern(rf"(?:{_ANYWHERE}|(?:^|_)(?:{_WHOLE_WORDS})){_AFTERWARDS}")
_PWD: Final = pattern(r"(?:^|_)pwd\d{0,4}$")
_OWN_FOLDER: Final = frozenset({"pwd", "old_pwd"})
_PERSONS: Final = frozenset({"production.user", "farm.job.user", "process.owner", "user.name", "enduser.id"})
_OUR_NAMES: Final = frozenset(entry[2] for entry in semconv.ENTRIES)
"""None of them is a secret's; to say so here spares each start the patterns (1.6 ms)."""
_PATH_LIKE: Final = pattern(r"[/~]|\\\\|[A-Za-z]:[\\/]")


def words_of(key: str) -> str:
    """Return the words of a name, lower-cased, joined by `_`.

    >>> words_of("X-Api-Key"), words_of("ayonApiKey"), words_of("KITSU_PWD"), words_of("http.APIKey")
    ('x_api_key', 'ayon_api_key', 'kitsu_pwd', 'http_api_key')
    """
    return _WORD_BREAK.sub("_", key).lower().strip("_")


def is_path_like(text: str) -> bool:
    """Say whether a text begins like an absolute path of any system."""
    return _PATH_LIKE.match(text) is not None


class KeyRules:
    """Verdicts on names, by the built-in rule and the studio's own globs; each name is judged once.

    redact, allow: globs on the whole key, in any case of letters. What `redact` names is replaced
    whatever the rest says; what `allow` names is out of reach of the built-in rule.

    >>> rules = KeyRules()
    >>> [rules.verdict(key) for key in ("FTRACK_API_KEY", "keyframe", "PWD", "production.user")]
    ['secret', 'open', 'path', 'person']
    """

    __slots__ = ("_allow", "_redact", "_seen")

    def __init__(self, redact: Iterable[str] = (), allow: Iterable[str] = ()) -> None:
        self._redact = _any_of(redact)
        self._allow = _any_of(allow)
        self._seen: dict[str, Verdict] = {}

    def verdict(self, key: str) -> Verdict:
        """Return what becomes of the values of `key`."""
        found = self._seen.get(key)
        if found is None:
            found = self._judge(key[-_MAX_KEY:])
            if len(self._seen) >= _MAX_CACHED:
                self._seen.clear()
            if len(key) <= _MAX_KEY:
                self._seen[key] = found
        return found

    def is_secret(self, key: str) -> bool:
        """Say whether the values of `key` are replaced."""
        return self.verdict(key) == "secret"

    def _judge(self, key: str) -> Verdict:
        if self._redact is not None and self._redact(key):
            return "secret"
        if self._allow is not None and self._allow(key):
            return "open"
        if key in _PERSONS or key in _OUR_NAMES:
            return "person" if key in _PERSONS else "open"
        words = words_of(key)
        if _SECRET.search(words):
            return "secret"
        if _PWD.search(words):
            return "path" if words in _OWN_FOLDER else "secret"
        return "open"


def _any_of(globs: Iterable[str]) -> Callable[[str], object] | None:
    patterns = [fnmatch.translate(glob) for glob in globs]
    return re.compile("|".join(patterns), re.IGNORECASE).match if patterns else None
