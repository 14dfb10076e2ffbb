"""The way of a Config from a host to its drain."""

from __future__ import annotations

import pytest

from clientobs.config.model import (
    Config,
    DeliveryConfig,
    DrainConfig,
    EndpointConfig,
    JournalConfig,
    PrivacyConfig,
    RootConfig,
    ServiceConfig,
)
from clientobs.drain.launch.settings import config_from_text, config_to_text
from clientobs.errors import ConfigError

FULL = Config(
    service=ServiceConfig(name="publisher ü\udcff", attributes=(("team", "fx"), ("empty", ""))),
    session_kind="farm",
    instruments=("files", "processes"),
    journal=JournalConfig(home="/var/tmp/x", bulk_bytes=1, max_age=0.5),
    drain=DrainConfig(python="/opt/python", exit_flush=5.0),
    delivery=DeliveryConfig(
        traces=EndpointConfig(
            url="https://a/v1/traces", headers=(("authorization", "Bearer x"),), timeout=1.5
        ),
        metrics=EndpointConfig(
            url="http://b:4317", protocol="grpc", compression="none", certificate="/ca.pem"
        ),
        headers_command=("vault", "read"),
    ),
    privacy=PrivacyConfig(redact_keys=("a*",)),
    roots=(RootConfig(name="projects", linux="/mnt/p", windows="P:\\"),),
)


@pytest.mark.parametrize("config", [Config(), FULL], ids=["defaults", "full"])
def test_the_drain_has_exactly_the_hosts_configuration(config: Config) -> None:
    text = config_to_text(config)
    assert text.isascii()
    assert "\0" not in text
    assert config_from_text(text) == config


def test_a_field_that_this_version_does_not_know_is_left_out() -> None:
    assert config_from_text('{"flavour": "new", "drain": {"mode": "thread", "colour": 3}}') == Config(
        drain=DrainConfig(mode="thread")
    )


@pytest.mark.parametrize("text", ["", "[]", "3", '{"drain": 3}', '{"roots": [3]}'])
def test_what_is_no_configuration_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(ConfigError, match="start it anew"):
        config_from_text(text)
