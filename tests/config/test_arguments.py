"""Wrong arguments are a programmer's slip: an error that names them and what is accepted."""

from __future__ import annotations

import pytest

from clientobs.config.resolve import Resolved, resolve
from clientobs.errors import ConfigError


def settle(arguments: dict[str, object]) -> Resolved:
    return resolve(arguments, environ={}, strict=False, platform="linux")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"drian": "off"}, "init() has no option 'drian'; did you mean 'drain'?"),
        (
            {"drain": "sometimes"},
            "drain= 'sometimes' is refused; accepted: process | external | thread | off",
        ),
        ({"drain": {"mod": "off"}}, "drain.mod= unknown key; did you mean 'drain.mode'?"),
        ({"service": 3}, "service= 3 is refused; accepted: text"),
        ({"service": ""}, "service= '' is refused"),
        ({"journal": "/tmp"}, "journal= a table [journal] is expected here"),
        (
            {"journal": {"bulk_bytes": -1}},
            "journal.bulk_bytes= -1 is refused; accepted: bytes, at least 1 MiB",
        ),
        ({"journal": {"bulk_bytes": True}}, "journal.bulk_bytes= True is refused"),
        ({"exit_flush": "soon"}, "exit_flush= 'soon' is refused; accepted: seconds from 0 s to 600 s"),
        ({"exit_flush": float("nan")}, "exit_flush= nan is refused"),
        ({"privacy": {"redact_values": ["("]}}, "regular expressions"),
        ({"roots": {"proj": {"solaris": "/x"}}}, "unknown key 'solaris'; accepted: linux, windows, macos"),
        ({"delivery": {"headers_command": "curl x"}}, "a list: the program and its arguments"),
        ({"config": 7}, "config=<int> is refused; accepted: the path of a TOML file"),
        ({"resource": {"a": [1]}}, "resource.a= [1] is refused; accepted: text, a number, true or false"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settle(arguments)
    assert message in str(caught.value)


def test_an_argument_whose_repr_raises_is_still_only_a_wrong_argument() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    with pytest.raises(ConfigError, match="service= a Odd is refused"):
        settle({"service": Odd()})


def test_no_message_repeats_a_credential() -> None:
    for arguments in ({"headers": {"authorization": "hunter2\n"}}, {"headers": ["hunter2"]}):
        with pytest.raises(ConfigError) as caught:
            settle(dict(arguments))
        assert "hunter2" not in str(caught.value)


def test_none_means_not_given() -> None:
    found = settle({"service": None, "version": None, "drain": None, "journal": {"home": None}})
    assert not found.sources


def test_tables_and_short_names_reach_the_same_settings() -> None:
    short = settle({"home": "/x", "drain": "off", "exit_flush": 2, "instruments": ["files", "logs"]})
    long = settle(
        {
            "journal": {"home": "/x"},
            "drain": {"mode": "off", "exit_flush": "2 s"},
            "instruments": {"enabled": "files,logs"},
        }
    )
    assert short.config == long.config
    assert short.config.instruments == ("files", "logs")


@pytest.mark.parametrize(
    ("text", "value"),
    [("64 MiB", 64 << 20), ("1.5GB", 1_500_000_000), ("2097152", 2 << 20), (3 << 20, 3 << 20)],
)
def test_sizes_take_units(text: object, value: int) -> None:
    assert settle({"journal": {"bulk_bytes": text}}).config.journal.bulk_bytes == value


@pytest.mark.parametrize(
    ("text", "value"), [("30 d", 2_592_000.0), ("24h", 86400.0), ("90 min", 5400.0), (61, 61.0)]
)
def test_times_take_units(text: object, value: float) -> None:
    assert settle({"journal": {"max_age": text}}).config.journal.max_age == value


def test_a_key_in_the_wrong_place_is_told_its_own() -> None:
    with pytest.raises(
        ConfigError, match=r"drain\.bulk_bytes= unknown key; did you mean 'journal\.bulk_bytes'\?"
    ):
        settle({"drain": {"bulk_bytes": 1}})
