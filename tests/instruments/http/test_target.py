"""Where a request goes, also where its target is odd."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from clientobs.instruments.http.target import target_of_words


def target(path: str, host: str = "tracker", port: int | None = None, **more: Any) -> tuple[str, str, int]:
    kind = http.client.HTTPSConnection if more.pop("tls", False) else http.client.HTTPConnection
    connection = kind(host, port)
    if tunnel := more.pop("tunnel", None):
        connection.set_tunnel(*tunnel)
    found = target_of_words(connection, "GET", path)
    return found.url, found.host, found.port


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"path": "/a?b=c"}, ("http://tracker/a?b=c", "tracker", 80)),
        ({"path": "/a", "port": 8080}, ("http://tracker:8080/a", "tracker", 8080)),
        ({"path": "/a", "tls": True}, ("https://tracker/a", "tracker", 443)),
        ({"path": "/a", "tls": True, "port": 80}, ("https://tracker:80/a", "tracker", 80)),
        ({"path": "/a", "host": "[::1]"}, ("http://[::1]/a", "::1", 80)),
        (
            {"path": "/a", "host": "proxy", "tls": True, "tunnel": ("tracker", 443)},
            ("https://tracker/a", "tracker", 443),
        ),
        ({"path": "*"}, ("http://tracker/", "tracker", 80)),
        ({"path": ""}, ("http://tracker/", "tracker", 80)),
        ({"path": "//twice"}, ("http://tracker//twice", "tracker", 80)),
        ({"path": "http://other:81/a"}, ("http://other:81/a", "other", 81)),
        ({"path": "https://other/a"}, ("https://other/a", "other", 443)),
        ({"path": "http://other:port/a"}, ("http://tracker/", "tracker", 80)),
        ({"path": "http://[::1/a"}, ("http://tracker/", "tracker", 80)),
    ],
)
def test_a_target_is_told_as_a_whole_url(asked: dict[str, Any], told: tuple[str, str, int]) -> None:
    assert target(**asked) == told
