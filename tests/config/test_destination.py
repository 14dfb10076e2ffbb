"""One key for one place and credential."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from clientobs.config.destination import destination_key
from clientobs.config.model import DeliveryConfig, EndpointConfig

SECRET = bytes(range(32))
ENDPOINT = EndpointConfig(url="https://c/v1/traces", headers=(("authorization", "t"), ("x", "1")))
DELIVERY = DeliveryConfig(traces=ENDPOINT)
KEY = destination_key(DELIVERY, SECRET)


def with_endpoint(**changes: object) -> DeliveryConfig:
    return replace(DELIVERY, traces=replace(ENDPOINT, **changes))  # type: ignore[arg-type]  # fields by name


def test_the_key_is_a_fixed_value_that_other_versions_must_find_again() -> None:
    assert KEY == "909f023c1c10c625e54cd2034dd77bfc"


def test_without_an_endpoint_there_is_no_key() -> None:
    assert destination_key(DeliveryConfig(headers_file="/x"), SECRET) == ""


@pytest.mark.parametrize(
    "other",
    [
        with_endpoint(url="https://d/v1/traces"),
        with_endpoint(protocol="grpc"),
        with_endpoint(headers=(("authorization", "u"), ("x", "1"))),
        with_endpoint(headers=(("authorization", "tx"), ("", "1"))),
        with_endpoint(client_key="/k"),
        with_endpoint(client_certificate="/k"),
        with_endpoint(certificate="/k"),
        DeliveryConfig(logs=ENDPOINT),
        replace(DELIVERY, logs=ENDPOINT),
        replace(DELIVERY, headers_file="/x"),
        replace(DELIVERY, headers_command=("/x",)),
    ],
)
def test_another_place_or_credential_has_another_key(other: DeliveryConfig) -> None:
    assert destination_key(other, SECRET) != KEY


@pytest.mark.parametrize(
    "same",
    [
        with_endpoint(headers=(("x", "1"), ("authorization", "t"))),
        with_endpoint(timeout=3.0),
        with_endpoint(compression="none"),
        replace(DELIVERY, metrics_max_age=1.0),
    ],
)
def test_the_manner_of_sending_is_no_part_of_it(same: DeliveryConfig) -> None:
    assert destination_key(same, SECRET) == KEY


def test_without_the_homes_secret_the_key_cannot_be_made() -> None:
    assert destination_key(DELIVERY, b"x" * 32) != KEY


def test_openssl_stays_out_of_the_host() -> None:
    program = """
import sys
from clientobs.config.destination import destination_key
from clientobs.config.resolve import resolve
found = resolve({}, environ={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, strict=True)
assert destination_key(found.config.delivery, b"s" * 32)
loaded = {"hashlib", "_hashlib", "ssl", "socket", "tomllib", "tomli", "difflib", "subprocess", "asyncio"}
print(sorted(loaded & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
