"""What is recorded of an artist under the policy in force, in words: the data behind `clientobs privacy show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clientobs import semconv
from clientobs._dataclass import dataclass
from clientobs.privacy.environment import ALLOWED, REFUSED
from clientobs.privacy.inventory import Entry, personal_first

if TYPE_CHECKING:
    from clientobs.config.model import PrivacyConfig
    from clientobs.semconv import Personal

__all__ = ["NEVER_RECORDED", "Disclosure", "Recorded", "disclosure"]

NEVER_RECORDED: Final = (
    "How long you are idle, what you type, which windows are open, what is on your screen.",
    "The contents of your scenes, images and documents.",
    "Passwords, tokens and keys: they are replaced before anything is written to disk.",
    "Environment variables that are not on the list below.",
    "Hardware serial numbers; the machine has a random id of our own.",
)
"""One sentence each, to an artist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One thing that is recorded: its name, why, whether it is personal, in which form, how long to keep it."""

    name: str
    purpose: str
    personal: Personal
    form: str
    retention: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """All that an artist may want to know: personal things first."""

    recorded: tuple[Recorded, ...]
    never: tuple[str, ...]
    variables: tuple[str, ...]
    refused_variables: tuple[str, ...]


_FORMS: Final = {
    "pseudonym": "as a pseudonym that only this machine can tie to you",
    "name": "in clear: your studio's policy says so",
    "none": "not at all: your studio's policy says so",
}
_ONLY_IN_CLEAR: Final = frozenset({semconv.USER_NAME, semconv.PROCESS_OWNER})


def disclosure(policy: PrivacyConfig) -> Disclosure:
    """Return what is recorded under `policy`.

    >>> from clientobs.config.model import PrivacyConfig
    >>> disclosure(PrivacyConfig()).recorded[0].personal
    'yes'
    """
    attributes = [entry for entry in personal_first() if entry.sort == "attribute"]
    return Disclosure(
        recorded=tuple(_recorded(entry, policy) for entry in attributes),
        never=NEVER_RECORDED,
        variables=(*ALLOWED, *policy.environment),
        refused_variables=REFUSED,
    )


def _recorded(entry: Entry, policy: PrivacyConfig) -> Recorded:
    return Recorded(
        name=entry.name,
        purpose=entry.purpose,
        personal=entry.personal,
        form=_form(entry, policy),
        retention=entry.retention,
    )


def _form(entry: Entry, policy: PrivacyConfig) -> str:
    if entry.personal != "yes":
        return "in clear, secrets replaced"
    if entry.name in _ONLY_IN_CLEAR and policy.user != "name":
        return _FORMS["none"].replace("your studio's policy says so", "only where the policy is `name`")
    return _FORMS[policy.user]
