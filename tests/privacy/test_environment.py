"""Variables are recorded by allow-list, and a credential never, whatever the list says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from clientobs._loss import LossLedger
from clientobs.config.model import LimitsConfig, PrivacyConfig
from clientobs.privacy.environment import ALLOWED, environment_attributes, recorded_variables
from clientobs.privacy.keys import MARKER, KeyRules
from clientobs.privacy.redaction import Redactor


def recorded(environ: Mapping[str, str], *allowed: str) -> dict[str, str]:
    policy = PrivacyConfig(environment=allowed)
    return recorded_variables(environ, policy, Redactor(policy, LimitsConfig(), LossLedger()))


def test_only_listed_variables_are_recorded_sorted_by_name() -> None:
    environ = {"OCIO": "/c.ocio", "HOME": "/home/ron", "USER": "ron", "MY_OWN": "x", "CUE_FRAME": "1001"}
    assert list(recorded(environ).items()) == [("CUE_FRAME", "1001"), ("OCIO", "/c.ocio")]


def test_a_studio_adds_names_of_its_own() -> None:
    assert recorded({"STUDIO_SITE": "berlin", "STUDIO_API_KEY": "x"}, "STUDIO_*") == {"STUDIO_SITE": "berlin"}


@pytest.mark.parametrize(
    "name",
    [
        *("SGTK_CONTEXT", "TANK_CONTEXT", "AYON_API_KEY", "FTRACK_API_KEY", "KITSU_PWD", "OPENPYPE_MONGO"),
        *("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "GITHUB_TOKEN", "BAGGAGE"),
        *("AWS_SECRET_ACCESS_KEY", "sgtk_context", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    ],
)
def test_a_credential_is_refused_though_everything_is_allowed(name: str) -> None:
    assert recorded({name: "x", "OCIO": "/c"}, "*") == {"OCIO": "/c"}


def test_the_value_of_a_refused_variable_is_not_even_read() -> None:
    class Watched(Mapping[str, str]):
        def __getitem__(self, name: str) -> str:
            assert name == "OCIO"
            return "/c.ocio"

        def __iter__(self) -> Iterator[str]:
            return iter(("SGTK_CONTEXT", "OCIO", "HOME"))

        def __len__(self) -> int:
            return 3

    assert recorded(Watched(), "*CONTEXT") == {"OCIO": "/c.ocio"}


def test_the_values_of_recorded_variables_are_redacted() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://ron:pw@collector:4318"}
    assert recorded(environ) == {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{MARKER}@collector:4318"}


def test_names_are_matched_in_any_case_as_windows_has_none() -> None:
    assert recorded({"Path": "C:\\tools"}) == {"Path": "C:\\tools"}


def test_a_list_that_allows_everything_is_still_bounded() -> None:
    assert len(recorded({f"X{number}": "1" for number in range(1000)}, "*")) == 256


def test_no_listed_name_is_one_of_a_secret() -> None:
    rules = KeyRules()
    assert [name for name in ALLOWED if rules.verdict(name) != "open"] == []


@pytest.mark.parametrize(
    "name", ["USER", "LOGNAME", "USERNAME", "HOME", "AYON_USERNAME", "PRISM_USER", "CUE_USER"]
)
def test_a_variable_that_names_a_person_is_not_recorded_unless_a_studio_says_so(name: str) -> None:
    assert recorded({name: "anna"}) == {}


def test_attribute_names_are_those_of_the_conventions() -> None:
    assert environment_attributes({"OCIO": "/c"}) == {"process.environment_variable.OCIO": "/c"}
