"""Failures whose exception doesn't say what it was about: what arrives names the file, the server, the memory.

The tools are those that studios write, with init() and a span.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest

from support.always import assert_always
from support.certificates import Authority
from support.tools import RUN_SCRIPT, script_of
from support.web import WebServer

if TYPE_CHECKING:
    from pathlib import Path

    from support.otlp_inbox import Telemetry
    from support.otlp_receiver import OtlpReceiver
    from support.workstation import Workstation

HEAD = """
import os, sys
import clientobs

clientobs.init("publisher", version="5.0")
"""
PRODUCTION = {"project": "mars"}
SERVICE = ("publisher", "5.0")


def run(desk: Workstation, source: str, *arguments: object) -> int:
    script = script_of(desk, HEAD + source)
    return desk.start(RUN_SCRIPT, script, *(str(one) for one in arguments)).end()


def headline(receiver: OtlpReceiver) -> Telemetry:
    """Return the one exception, once the session has ended."""
    # Both: they go by two lanes, of which either may arrive first.
    wanted = {"session.end", "exception"}
    receiver.wait_for(lambda: wanted <= {one.record.event_name for one in receiver.logs()}, 30)
    (told,) = [one for one in receiver.logs() if one.record.event_name == "exception"]
    return told


SETTINGS = """
import json


def read_settings(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


with clientobs.context(project="mars"), clientobs.span("load settings"):
    read_settings(sys.argv[1])
"""
CACHE = """
import pickle


def read_cache(path):
    with open(path, "rb") as file:
        return pickle.load(file)


with clientobs.context(project="mars"), clientobs.span("load cache"):
    read_cache(sys.argv[1])
"""


@pytest.mark.diagnosis("broken-file")
@pytest.mark.parametrize(
    ("source", "kind", "where"),
    [
        (SETTINGS, "json.decoder.JSONDecodeError", "return json.load(file)"),
        (CACHE, "_pickle.UnpicklingError", "return pickle.load(file)"),
    ],
    ids=["settings", "cache"],
)
def test_a_half_written_file_is_named_though_its_parser_does_not(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path, source: str, kind: str, where: str
) -> None:
    path = tmp_path / "site.settings"
    path.write_text('{"shots": [1, 2, {"na')
    assert run(desk, source, path) == 1
    told = headline(receiver)
    assert told.attributes["exception.type"] == kind
    assert str(path) not in told.attributes["exception.message"]
    assert told.attributes["exception.files"] == [str(path)]
    assert where in told.attributes["exception.stacktrace"]
    assert_always(told, desk, service=SERVICE, production=PRODUCTION)


LICENCE = """
import socket


def check_out(host, port):
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"render")


with clientobs.context(project="mars"), clientobs.span("check out licence"):
    check_out(*sys.argv[1:])
"""


@pytest.mark.diagnosis("unreachable-service")
def test_a_licence_server_that_refuses_is_named(desk: Workstation, receiver: OtlpReceiver) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    assert run(desk, LICENCE, "127.0.0.1", port) == 1
    told = headline(receiver)
    assert told.attributes["exception.type"] == "ConnectionRefusedError"
    assert (told.attributes["server.address"], told.attributes["server.port"]) == ("127.0.0.1", port)
    assert told.attributes["code.function.name"] == "check_out"
    assert_always(told, desk, service=SERVICE, production=PRODUCTION)


BROWSER = """
import urllib.request


def shots(url):
    try:
        return urllib.request.urlopen(url, timeout=10).read()
    except OSError:
        return b"[]"


with clientobs.context(project="mars"), clientobs.span("list shots"):
    shots(sys.argv[1])
"""


def request(receiver: OtlpReceiver) -> Telemetry:
    receiver.wait_for(lambda: "GET" in {one.record.name for one in receiver.spans()}, 30)
    (told,) = [one for one in receiver.spans() if one.record.name == "GET"]
    return told


@pytest.mark.diagnosis("unreachable-service")
def test_a_certificate_that_is_not_trusted_is_told_though_the_tool_shows_an_empty_list(
    desk: Workstation, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    with WebServer(tls=authority.server_context(authority.sign("tracker"))) as tracker:
        assert run(desk, BROWSER, tracker.url("/shots")) == 0
        told = request(receiver)
        assert told.attributes["server.port"] == tracker.port
    assert told.attributes["error.type"] == "ssl.SSLCertVerificationError"
    assert "certificate verify failed" in told.record.status.message
    assert_always(told, desk, service=SERVICE, production=PRODUCTION)


@pytest.mark.diagnosis("unreachable-service")
def test_a_name_that_nobody_knows_is_told(desk: Workstation, receiver: OtlpReceiver) -> None:
    assert run(desk, BROWSER, "http://tracker.studio.invalid/shots") == 0
    told = request(receiver)
    assert told.attributes["server.address"] == "tracker.studio.invalid"
    assert told.attributes["error.type"] == "socket.gaierror"
    assert_always(told, desk, service=SERVICE, production=PRODUCTION)


BAKE = """
import resource

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))


def fill(volume, *sizes):
    for size in sizes:
        try:
            while True:
                volume.append(bytes(size))
        except MemoryError:
            if size == sizes[-1]:
                raise


with clientobs.context(project="mars"), clientobs.span("bake volume"):
    fill([], 1 << 20, 1 << 14, 1 << 9, 40)  # to the last byte
"""


@pytest.mark.diagnosis("no-memory")
@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space as Linux does")
def test_a_memory_error_is_told_with_what_there_was(desk: Workstation, receiver: OtlpReceiver) -> None:
    assert run(desk, BAKE) == 1
    told = headline(receiver)
    said = told.attributes
    assert said["exception.type"] == "MemoryError"
    assert "in fill" in said["exception.stacktrace"]
    assert said["process.memory.limit"] == 1 << 30
    assert 0.9 * (1 << 30) < said["process.memory.address_space"] <= 1 << 30
    assert 0 < said["process.memory.resident"] < 1 << 30
    assert said["machine.memory.available"] > 0
    assert_always(told, desk, service=SERVICE, production=PRODUCTION)
