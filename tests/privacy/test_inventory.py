"""The inventory: every name once, explained, and the page made from it."""

from __future__ import annotations

import pytest

from clientobs import semconv
from clientobs.config.model import PrivacyConfig
from clientobs.privacy.inventory import RETENTION, Entry, entries, find, personal_first, unlisted
from clientobs.privacy.keys import KeyRules
from clientobs.privacy.policy import NEVER_RECORDED, disclosure


def test_no_name_is_listed_twice() -> None:
    names = [(entry.sort, entry.name) for entry in entries()]
    assert len(names) == len(set(names))


def test_every_constant_of_semconv_is_listed_and_every_listed_name_has_a_constant() -> None:
    known = {"STABLE", "RC", "DEV", "OWN", "INDIRECT", "PERSON"}
    constants = {
        value
        for name, value in vars(semconv).items()
        if name.isupper() and type(value) is str and name not in known and not name.endswith("_PREFIX")
    }
    assert constants == {entry.name for entry in entries()}


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: f"{entry.sort} {entry.name}")
def test_every_name_says_what_it_is_for(entry: Entry) -> None:
    assert entry.purpose.endswith(".")
    assert entry.purpose[0].isupper()
    assert entry.retention == RETENTION[entry.personal]
    assert entry.origin in ("stable", "rc", "dev", "own")
    assert (entry.sort == "metric") == bool(entry.unit and entry.instrument)


def test_no_name_of_ours_is_redacted_by_our_own_rules() -> None:
    rules = KeyRules()
    assert [entry.name for entry in entries() if rules.is_secret(entry.name)] == []


def test_every_name_that_stands_for_a_person_is_recorded_by_policy() -> None:
    rules = KeyRules()
    persons = {entry.name for entry in entries() if entry.personal == "yes"}
    assert {name for name in persons if rules.verdict(name) != "person"} == {semconv.USER_ID}


def test_a_name_that_nobody_listed_is_found_out() -> None:
    emitted = {
        "tool.name",
        "tool.names",
        "production.client",
        "process.environment_variable.OCIO",
        "invented",
        "tool.title",
    }
    assert unlisted(emitted) == ["invented", "tool.names", "tool.title"]
    assert unlisted({"clientobs.records.lost", "tool.name"}, "metric") == ["tool.name"]


def test_a_name_is_found_before_its_family() -> None:
    listed, family = find("production.user"), find("production.client")
    assert listed is not None
    assert family is not None
    assert (listed.personal, family.name) == ("yes", "production.*")


def test_personal_things_come_first() -> None:
    order = [entry.personal for entry in personal_first()]
    assert order == sorted(order, key=("yes", "indirect", "no").index)


@pytest.mark.parametrize(
    ("policy", "form"), [("pseudonym", "as a pseudonym"), ("name", "in clear"), ("none", "not at all")]
)
def test_an_artist_is_told_in_which_form_they_are_recorded(policy: object, form: str) -> None:
    told = disclosure(PrivacyConfig(user=policy))  # type: ignore[arg-type]  # parametrized
    forms = {recorded.name: recorded.form for recorded in told.recorded}
    assert forms["user.id"].startswith(form)
    assert forms["user.name"].startswith("in clear" if policy == "name" else "not at all")
    assert told.never == NEVER_RECORDED


def test_an_artist_is_told_of_the_variables_that_the_studio_added() -> None:
    assert "STUDIO_*" in disclosure(PrivacyConfig(environment=("STUDIO_*",))).variables
