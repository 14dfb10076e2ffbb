"""Secrets that are known by their looks, whatever they are called: tokens of services, key blocks, auth schemes.

Each pattern is anchored on a literal prefix, and its character classes cannot match what follows them. So a
search takes time in proportion to the text (benchmarks/redaction.py measures it on adversarial input).
`may_hold_token` is the prefilter: a few substring tests in C, an order of magnitude cheaper than the patterns.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from clientobs._patterns import pattern
from clientobs.privacy.keys import MARKER

__all__ = ["may_hold_token", "scrub_schemes", "scrub_tokens"]

# What gives each of them away, as their makers document it (secret scanning pages of GitHub and GitLab).
_TOKEN: Final = pattern(
    # JSON web token, signed or encrypted. Not inside a word: keyJointLeft.rotateX, and runs of eyJeyJ...
    r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}"
    r"|A(?:KI|SI|RO|ID|BI|CC)A[A-Z0-9]{16,}"  # AWS access key
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{16,}|glpat-[\w-]{16,}|gl(?:c|sa)_[\w+/=]{16,}"  # code, Grafana
    r"|xox[a-z](?:\.[a-z]+)?-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}"  # Slack
    r"|hooks\.slack\.com/(?:services|workflows)/[\w/-]{8,}"
    r"|discord(?:app)?\.com/api/webhooks/\d+/[\w-]{8,}"
    r"|webhook\.office\.com/webhookb2/[\w@/-]{8,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}"  # Google
    r"|(?<![\w~.-])[\w~.-]{3}8Q~[\w~.-]{16,}"  # Azure
    r"|(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,80}[0-9])(?=[a-z0-9_-]{0,80}[A-Z])[\w-]{20,}"  # OpenAI, Anthropic
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|hf_[A-Za-z0-9]{30,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|hv[sb]\.[\w-]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}",
    re.ASCII,
)
_KEY_BLOCK: Final = pattern(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    # A block cut off by somebody's limit has no end: all that follows is taken for the key.
    r"(?:[^-]+|-(?!----END ))*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
)
_BEARER: Final = pattern(r"\bbearer([ \t:=]{1,3})([\w.~+/=-]{8,})", re.IGNORECASE | re.ASCII)
_BASIC: Final = pattern(r"\bbasic([ \t]{1,3})([\w+/-]{4,}={0,2})", re.IGNORECASE | re.ASCII)
_PLAIN_WORD: Final = pattern(r"[A-Z]?[a-z]{1,24}[.]?\Z|[\w-]{0,24}[.]{2,3}\Z", re.ASCII)
_MAX_BASIC: Final = 4096
_PRINTABLE: Final = frozenset(range(33, 127))


def may_hold_token(text: str) -> bool:
    """Say whether one of the literal prefixes is in the text; false for nearly every path and name.

    Single characters come first: not finding one in a path takes 7 ns, not finding two in a row 55 ns.
    """
    return (
        ("J" in text and "eyJ" in text)
        or (
            "A" in text
            and ("IA" in text or "AIza" in text or "ROA" in text or "CCA" in text or "IDA" in text)
        )
        or (
            "-" in text
            and ("sk-" in text or "xox" in text or "xapp-" in text or "pypi-" in text)
            | ("AGE-S" in text or "-----BEGIN" in text)
        )
        or ("g" in text and (("gl" in text and _is_gitlab(text)) or _is_github(text)))
        or ("G" in text and ("SG." in text or "GOCSPX-" in text))
        or ("~" in text and "8Q~" in text)
        or ("y" in text and "ya29" in text)
        or (":" in text and "hook" in text)
        or "hv" in text
        or "npm_" in text
        or "hf_" in text
    )


def scrub_tokens(text: str) -> str:
    """Replace tokens and private keys that are known by their looks."""
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub(MARKER, text)
    return _TOKEN.sub(MARKER, text)


def scrub_schemes(text: str) -> str:
    """Replace the credentials of HTTP's Bearer and Basic schemes, and leave the English words alone.

    >>> scrub_schemes("Basic cm9uOmh1bnRlcjI= and basic animation, Bearer abc.def.123, the bearer bears")
    'Basic [redacted] and basic animation, Bearer [redacted], the bearer bears'
    """
    return _BASIC.sub(_basic, _BEARER.sub(_bearer, text))


def _is_github(text: str) -> bool:
    if "gh" in text and (
        "ghp_" in text or "gho_" in text or "ghu_" in text or "ghs_" in text or "ghr_" in text
    ):
        return True
    return "github_pat_" in text


def _is_gitlab(text: str) -> bool:
    return "glpat-" in text or "glc_" in text or "glsa_" in text


def _bearer(match: re.Match[str]) -> str:
    if _PLAIN_WORD.match(match[2]):
        return match[0]
    return match[0][: match.start(2) - match.start()] + MARKER


def _basic(match: re.Match[str]) -> str:
    if not _is_basic_credential(match[2]):
        return match[0]
    return match[0][: match.start(2) - match.start()] + MARKER


def _is_basic_credential(text: str) -> bool:
    """Say whether a text is base64 of `name:password`."""
    head = text[:_MAX_BASIC].rstrip("=").replace("-", "+").replace("_", "/")
    head = head[: len(head) - (len(head) % 4 == 1)]
    try:
        name, colon, _ = base64.b64decode(head + "=" * (-len(head) % 4)).partition(b":")
    except (ValueError, binascii.Error):
        return False
    return bool(colon) and _PRINTABLE.issuperset(name)
