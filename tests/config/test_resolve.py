"""The resolver: precedence, sources, problems, and what a broken environment must not do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.config.model import Config, RootConfig
from clientobs.config.options import OPTIONS
from clientobs.config.problems import Source
from clientobs.config.resolve import Resolved, resolve
from clientobs.errors import ConfigError

FILE = "/studio/clientobs.toml"


def settle(
    arguments: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    toml: str | None = None,
    *,
    strict: bool = False,
) -> Resolved:
    """Resolve with a file that exists in the test alone."""
    variables = {"HOME": "/home/kim", **(environ or {})}
    if toml is not None:
        variables["CLIENTOBS_CONFIG"] = FILE

    def read_file(path: str) -> bytes:
        assert path == FILE
        return (toml or "").encode()

    return resolve(arguments or {}, environ=variables, strict=strict, platform="linux", read_file=read_file)


def test_nothing_set_gives_the_defaults_and_no_problem() -> None:
    found = settle(strict=True)
    assert found.config == Config()
    assert not found.sources
    assert found.source("journal.home") == Source(kind="default")


LAYERS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    # key: (variable, as an argument, TOML table, TOML key)
    "drain.mode": ("CLIENTOBS_DRAIN", {"drain": "thread"}, "drain", "mode"),
    "profile": ("CLIENTOBS_PROFILE", {"profile": "minimal"}, "", "profile"),
    "journal.home": ("CLIENTOBS_HOME", {"home": "/argument"}, "journal", "home"),
    "service.name": ("OTEL_SERVICE_NAME", {"service": "argument"}, "service", "name"),
    "drain.exit_flush": ("CLIENTOBS_EXIT_FLUSH", {"exit_flush": 3}, "drain", "exit_flush"),
}
FROM_ENVIRONMENT = {
    "drain.mode": "external",
    "profile": "standard",
    "journal.home": "/environment",
    "service.name": "environment",
    "drain.exit_flush": "2",
}
FROM_FILE = {
    "drain.mode": '"off"',
    "profile": '"minimal"',
    "journal.home": '"/file"',
    "service.name": '"file"',
    "drain.exit_flush": "1",
}


@given(data=st.data())
def test_arguments_win_over_environment_over_file_over_default(data: st.DataObject) -> None:
    arguments: dict[str, object] = {}
    environ: dict[str, str] = {}
    tables: dict[str, list[str]] = {"": []}
    expected = {}
    for key, (variable, argument, table, name) in LAYERS.items():
        layers = data.draw(st.sets(st.sampled_from(["argument", "environment", "file"])), label=key)
        if "argument" in layers:
            arguments.update(argument)
        if "environment" in layers:
            environ[variable] = FROM_ENVIRONMENT[key]
        if "file" in layers:
            tables.setdefault(table, []).append(f"{name} = {FROM_FILE[key]}")
        order = ("argument", "environment", "file")
        expected[key] = next((layer for layer in order if layer in layers), "default")
    toml = "\n".join(
        "\n".join([f"[{table}]"] * bool(table) + lines) for table, lines in sorted(tables.items())
    )
    found = settle(arguments, environ, toml, strict=True)
    for key, layer in expected.items():
        assert found.source(key).kind == layer
        raw = {
            "argument": next(iter(LAYERS[key][1].values())),
            "environment": FROM_ENVIRONMENT[key],
            "file": FROM_FILE[key].strip('"'),
        }.get(layer)
        if raw is not None:
            holder, _, field = key.rpartition(".")
            value = getattr(getattr(found.config, holder) if holder else found.config, field)
            assert str(value).removesuffix(".0") == str(raw)


def test_each_source_says_what_to_open_or_change() -> None:
    found = settle(
        {"home": "/x"}, {"CLIENTOBS_DRAIN": "off"}, "[privacy]\n\nuser = 'none'\n[drain]\nidle_seconds = 5\n"
    )
    where = {key: source.where for key, source in found.sources.items()}
    assert where == {
        "journal.home": "home=",
        "drain.mode": "CLIENTOBS_DRAIN",
        "privacy.user": f"{FILE}:3",
        "drain.idle_seconds": f"{FILE}:5",
    }


def test_a_bad_variable_is_a_problem_and_the_file_counts() -> None:
    found = settle(environ={"CLIENTOBS_DRAIN": "sometimes"}, toml="[drain]\nmode = 'off'")
    assert found.config.drain.mode == "off"
    [problem] = found.problems
    assert (problem.file, problem.key) == (None, "CLIENTOBS_DRAIN")
    assert problem.message == "'sometimes' is refused; accepted: process | external | thread | off"


def test_under_strict_all_problems_stand_in_one_error() -> None:
    with pytest.raises(ConfigError) as caught:
        settle(environ={"CLIENTOBS_DRAIN": "x"}, toml="[drain]\nidle = 1\n", strict=True)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("CLIENTOBS_DRAIN: 'x' is refused")
    assert lines[1] == f"{FILE}:2: drain.idle: unknown key; did you mean 'drain.idle_seconds'?"


def test_empty_variables_count_as_unset() -> None:
    found = settle(
        environ={name: " " for option in OPTIONS.values() for name in option.variables}, strict=True
    )
    assert found.config == Config()


@pytest.mark.parametrize(
    ("environ", "by"),
    [
        ({"CLIENTOBS_DISABLED": "1"}, "CLIENTOBS_DISABLED"),
        ({"CLIENTOBS_DISABLED": "Yes"}, "CLIENTOBS_DISABLED"),
        ({"OTEL_SDK_DISABLED": "TRUE"}, "OTEL_SDK_DISABLED"),
        ({"OTEL_SDK_DISABLED": "true", "CLIENTOBS_DISABLED": "0"}, "OTEL_SDK_DISABLED"),
    ],
)
def test_the_switch_in_the_environment_is_stronger_than_a_tool_that_says_otherwise(
    environ: dict[str, str], by: str
) -> None:
    found = settle({"disabled": False}, environ)
    assert found.config.disabled
    assert found.source("disabled").where == by


def test_where_the_switch_is_thrown_the_share_is_not_asked_for_the_file() -> None:
    def read_file(path: str) -> bytes:
        raise AssertionError(path)

    environ = {"CLIENTOBS_DISABLED": "1", "CLIENTOBS_CONFIG": FILE}
    found = resolve({}, environ=environ, strict=True, platform="linux", read_file=read_file)
    assert found.config.disabled


def test_a_variable_can_enable_one_machine_against_the_file() -> None:
    assert not settle(environ={"CLIENTOBS_DISABLED": "0"}, toml="disabled = true").config.disabled
    assert settle(toml="disabled = true").config.disabled


def test_sdk_disabled_is_true_by_that_word_alone() -> None:
    found = settle(environ={"OTEL_SDK_DISABLED": "1"})
    assert not found.config.disabled
    assert [problem.key for problem in found.problems] == ["OTEL_SDK_DISABLED"]


def test_resource_attributes_are_merged_name_by_name() -> None:
    found = settle(
        {"resource": {"team": "lighting"}},
        {"OTEL_RESOURCE_ATTRIBUTES": "team=env, site = Z%C3%BCrich ,host.rack=7"},
        '[resource]\nsite = "x"\nfloor = 3\nstudio.ok = true',
    )
    assert dict(found.config.service.attributes) == {
        "team": "lighting",
        "site": "Zürich",
        "host.rack": "7",
        "floor": "3",
        "studio.ok": "true",
    }
    assert found.source("resource.site").where == "OTEL_RESOURCE_ATTRIBUTES"
    assert found.source("resource.floor").where == f"{FILE}:3"


def test_service_settings_among_resource_attributes_stand_back_behind_their_own() -> None:
    attributes = "service.name=a,service.version=1,deployment.environment.name=prod"
    found = settle(environ={"OTEL_RESOURCE_ATTRIBUTES": attributes, "OTEL_SERVICE_NAME": "b"})
    assert found.config.service == replace(Config().service, name="b", version="1", environment="prod")


def test_a_resource_pair_without_equals_is_named_by_number_and_the_rest_is_used() -> None:
    found = settle(environ={"OTEL_RESOURCE_ATTRIBUTES": "a=1,nonsense,b=2"})
    assert found.config.service.attributes == (("a", "1"), ("b", "2"))
    assert [str(problem) for problem in found.problems] == [
        "OTEL_RESOURCE_ATTRIBUTES: pair 2 is not key=value"
    ]


ROOTS = """[roots.proj]
linux = "/mnt/proj"
[roots.lib]
linux = "/mnt/lib"
windows = "L:"
[roots.bad]
macos = "x"
"""


def test_roots_are_merged_by_name_and_must_be_absolute() -> None:
    found = settle(
        {"roots": {"proj": {"linux": "/argument"}}},
        toml=ROOTS,
    )
    assert found.config.roots == (
        RootConfig(name="lib", linux="/mnt/lib", windows="L:"),
        RootConfig(name="proj", linux="/argument"),
    )
    [problem] = found.problems
    assert (problem.line, problem.key) == (6, "roots.bad")
    assert "absolute path" in problem.message


def test_limits_follow_the_general_one_as_the_specification_says() -> None:
    limits = settle(
        environ={"OTEL_ATTRIBUTE_COUNT_LIMIT": "9", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "4"}, strict=True
    ).config.limits
    assert (limits.attribute_count, limits.event_attribute_count, limits.link_attribute_count) == (9, 9, 4)
    assert limits.span_attribute_count is None


@pytest.mark.parametrize("value", ["-1", "many", "1.5", "9" * 5000, "²"])
def test_a_limit_that_is_no_number_is_a_problem(value: str) -> None:
    found = settle(environ={"OTEL_SPAN_EVENT_COUNT_LIMIT": value})
    assert found.config.limits.span_event_count == 128
    assert [problem.key for problem in found.problems] == ["OTEL_SPAN_EVENT_COUNT_LIMIT"]


def test_the_argument_of_another_sampler_is_no_problem_of_ours() -> None:
    environ = {"OTEL_TRACES_SAMPLER_ARG": "endpoint=http://localhost:14250"}
    assert not settle(environ=environ).problems
    assert settle(environ={**environ, "OTEL_TRACES_SAMPLER": "traceidratio"}).problems
    ratio = settle(environ={"OTEL_TRACES_SAMPLER": "TraceIdRatio", "OTEL_TRACES_SAMPLER_ARG": "0.25"})
    assert (ratio.config.traces.sampler, ratio.config.traces.sampler_argument) == ("traceidratio", 0.25)


def test_an_unknown_sampler_or_propagator_is_a_problem_and_the_default_counts() -> None:
    found = settle(
        environ={"OTEL_TRACES_SAMPLER": "jaeger_remote", "OTEL_PROPAGATORS": "tracecontext,carrot"}
    )
    assert found.config.traces == Config().traces
    assert {problem.key for problem in found.problems} == {"OTEL_TRACES_SAMPLER", "OTEL_PROPAGATORS"}


def test_propagators_are_deduplicated_and_none_means_none() -> None:
    two = settle(environ={"OTEL_PROPAGATORS": "b3, tracecontext,b3"}, strict=True)
    assert two.config.traces.propagators == ("b3", "tracecontext")
    assert settle(environ={"OTEL_PROPAGATORS": "none"}, strict=True).config.traces.propagators == ()


def test_a_misspelt_variable_of_ours_is_named_and_foreign_ones_are_not() -> None:
    found = settle(
        environ={"CLIENTOBS_DRIAN": "off", "CLIENTOBS_STUDIO_THING": "1", "CLIENTOBS_DRAIN_COPY": "/x"}
    )
    assert [str(problem) for problem in found.problems] == [
        "CLIENTOBS_DRIAN: no such variable; did you mean 'CLIENTOBS_DRAIN'?"
    ]


def test_paths_start_at_the_file_or_at_home_and_touch_nothing() -> None:
    found = settle(
        {"home": PurePosixPath("/a/b/../c")},
        {"CLIENTOBS_DRAIN_PYTHON": "~/bin/python"},
        "[delivery]\nheaders_file='t.txt'",
    )
    assert found.config.journal.home == "/a/c"
    assert found.config.drain.python == "/home/kim/bin/python"
    assert found.config.delivery.headers_file == "/studio/t.txt"


def test_windows_paths_are_read_by_the_rules_of_windows() -> None:
    found = resolve(
        {},
        environ={"CLIENTOBS_HOME": "~\\x/y", "USERPROFILE": "C:\\Users\\kim"},
        strict=True,
        platform="win32",
    )
    assert found.config.journal.home == "C:\\Users\\kim\\x\\y"


def test_a_config_path_that_cannot_be_read_is_a_problem_for_a_variable_and_an_error_for_an_argument() -> None:
    found = resolve({}, environ={"CLIENTOBS_CONFIG": "~/x.toml"}, strict=False, platform="linux")
    assert [problem.key for problem in found.problems] == ["CLIENTOBS_CONFIG"]
    with pytest.raises(ConfigError, match="config= accepted: a path without ~"):
        resolve({"config": "~/x.toml"}, environ={}, strict=False, platform="linux")


@given(
    st.dictionaries(
        st.sampled_from(sorted({name for option in OPTIONS.values() for name in option.variables}))
        | st.sampled_from(["OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED", "CLIENTOBS_X", "HOME"]),
        st.text(alphabet=st.characters(exclude_characters="\0"), max_size=40)
        | st.sampled_from(["http://[", "https://a:b@c:99999", "\udcff", "%ff=%", "1e999", "nan", "=,=", "~"]),
    )
)
def test_no_environment_whatever_stops_the_host(environ: dict[str, str]) -> None:
    found = resolve({}, environ=environ, strict=False, platform="linux")
    assert isinstance(found.config, Config)
