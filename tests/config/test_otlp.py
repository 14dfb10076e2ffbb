"""OTEL_EXPORTER_OTLP_*: the exporter specification, and whose settings go with which endpoint."""

from __future__ import annotations

import pytest

from clientobs.config.model import EndpointConfig
from clientobs.config.resolve import Resolved, resolve
from clientobs.errors import ConfigError

E = "OTEL_EXPORTER_OTLP_"
FILE = "/s/c.toml"


def settle(
    environ: dict[str, str] | None = None, toml: str = "", arguments: dict[str, object] | None = None
) -> Resolved:
    variables = {**(environ or {}), "CLIENTOBS_CONFIG": FILE}
    return resolve(
        arguments or {}, environ=variables, strict=False, platform="linux", read_file=lambda _: toml.encode()
    )


def traces(found: Resolved) -> EndpointConfig:
    assert found.config.delivery.traces is not None
    return found.config.delivery.traces


def test_with_no_endpoint_nothing_is_sent() -> None:
    assert not settle({f"{E}HEADERS": "a=b", f"{E}PROTOCOL": "grpc"}).config.delivery.configured


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("https://c/otlp", "https://c/otlp/v1/traces"),
        ("https://c/otlp/?tenant=a", "https://c/otlp/v1/traces?tenant=a"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_the_general_endpoint_is_a_base(given: str, url: str) -> None:
    assert traces(settle({f"{E}ENDPOINT": given})).url == url


@pytest.mark.parametrize(
    ("given", "url"),
    [("http://c:4318", "http://c:4318/"), ("http://c/x", "http://c/x"), ("http://c/x/", "http://c/x/")],
)
def test_a_signals_own_endpoint_is_used_as_it_stands(given: str, url: str) -> None:
    found = settle({f"{E}ENDPOINT": "http://base", f"{E}TRACES_ENDPOINT": given})
    assert traces(found).url == url
    assert found.config.delivery.logs is not None
    assert found.config.delivery.logs.url == "http://base/v1/logs"
    assert found.source("delivery.traces.endpoint").where == f"{E}TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("given", "insecure", "url"),
    [
        ("http://c:4317", "", "http://c:4317"),
        ("https://c:4317", "true", "https://c:4317"),
        ("c:4317", "true", "http://c:4317"),
        ("c:4317", "", "https://c:4317"),
        ("http://c:4317/ignored", "", "http://c:4317"),
    ],
)
def test_grpc_takes_its_security_from_the_scheme_and_else_from_insecure(
    given: str, insecure: str, url: str
) -> None:
    found = settle({f"{E}ENDPOINT": given, f"{E}PROTOCOL": "grpc", f"{E}INSECURE": insecure})
    endpoint = traces(found)
    assert (endpoint.url, endpoint.protocol, endpoint.insecure) == (url, "grpc", url.startswith("http:"))
    assert not found.problems


@pytest.mark.parametrize(
    "given", ["c:4318", "ftp://c", "http://", "http://c:99999", "http://[", "http://a b/", "x"]
)
def test_an_endpoint_that_cannot_be_used_is_a_problem_without_its_text(given: str) -> None:
    found = settle({f"{E}ENDPOINT": given})
    assert not found.config.delivery.configured
    # one endpoint for three signals, one problem to mend
    [problem] = found.problems
    assert problem.key == f"{E}ENDPOINT"
    assert problem.message.startswith("accepted: an http:// or https:// URL")


def test_the_signals_own_settings_go_before_the_general_ones() -> None:
    found = settle(
        {
            f"{E}ENDPOINT": "http://c",
            f"{E}HEADERS": "a=1,b=2",
            f"{E}TRACES_HEADERS": "c=3",
            f"{E}TRACES_PROTOCOL": "grpc",
            f"{E}TRACES_COMPRESSION": "none",
            f"{E}TRACES_TIMEOUT": "3",
            f"{E}CERTIFICATE": "/ca.pem",
            f"{E}TRACES_CLIENT_KEY": "/key.pem",
            f"{E}CLIENT_CERTIFICATE": "/cert.pem",
        }
    )
    assert traces(found) == EndpointConfig(
        url="http://c",
        protocol="grpc",
        headers=(("c", "3"),),
        timeout=3.0,
        compression="none",
        certificate="/ca.pem",
        client_key="/key.pem",
        client_certificate="/cert.pem",
        insecure=True,
    )
    assert found.config.delivery.logs is not None
    assert found.config.delivery.logs.headers == (("a", "1"), ("b", "2"))
    assert found.config.delivery.logs.compression == "gzip"


@pytest.mark.parametrize(("given", "seconds"), [("10", 10.0), ("0.5", 0.5), ("10000", 10.0), ("1000", 1.0)])
def test_the_timeout_is_read_in_either_unit_that_studios_have(given: str, seconds: float) -> None:
    assert traces(settle({f"{E}ENDPOINT": "http://c", f"{E}TIMEOUT": given})).timeout == seconds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROTOCOL", "http/json"),
        ("COMPRESSION", "brotli"),
        ("TIMEOUT", "-1"),
        ("TIMEOUT", "0"),
        ("HEADERS", "hunter2"),
        ("HEADERS", "a b=hunter2"),
        ("HEADERS", "a=hunter2%0d%0ax-evil: 1"),
        ("HEADERS", "a=hunter2ü"),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_problem_and_the_endpoint_stays(name: str, value: str) -> None:
    found = settle({f"{E}ENDPOINT": "http://c", f"{E}{name}": value})
    [problem] = found.problems
    assert problem.key == f"{E}{name}"
    assert "hunter2" not in str(problem)
    assert traces(found) == EndpointConfig(url="http://c/v1/traces", insecure=True)


def test_header_values_are_url_decoded_and_names_are_lower_case() -> None:
    found = settle({f"{E}ENDPOINT": "http://c", f"{E}HEADERS": "Authorization=Basic%20YTpi=, x=1%2C2 ,,"})
    assert traces(found).headers == (("authorization", "Basic YTpi="), ("x", "1,2"))


def test_a_login_in_the_url_becomes_a_header_and_leaves_the_url() -> None:
    found = settle({f"{E}ENDPOINT": "https://kim:p%40ss@c:1/x"})
    assert traces(found).url == "https://c:1/x/v1/traces"
    assert traces(found).headers == (("authorization", "Basic a2ltOnBAc3M="),)
    given = {f"{E}ENDPOINT": "https://kim:x@c", f"{E}HEADERS": "authorization=Bearer%20t"}
    assert traces(settle(given)).headers == (("authorization", "Bearer t"),)


def test_exporter_none_sends_nothing_of_that_signal() -> None:
    delivery = settle({f"{E}ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "none"}).config.delivery
    assert delivery.metrics is None
    assert delivery.logs is not None


def test_exporter_otlp_asks_for_the_default_endpoint_of_the_specification() -> None:
    assert traces(settle({"OTEL_TRACES_EXPORTER": "otlp"})).url == "http://localhost:4318/v1/traces"
    grpc = settle({"OTEL_TRACES_EXPORTER": "console,otlp", f"{E}PROTOCOL": "grpc"})
    assert traces(grpc).url == "http://localhost:4317"
    assert grpc.config.delivery.logs is None


def test_another_exporter_is_a_problem_and_changes_nothing() -> None:
    found = settle({f"{E}ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "zipkin"})
    assert [problem.key for problem in found.problems] == ["OTEL_TRACES_EXPORTER"]
    assert traces(found).url == "http://c/v1/traces"


STUDIO = """
[delivery]
endpoint = "https://otlp.studio:4317"
protocol = "grpc"
headers = { authorization = "Bearer studio" }
certificate = "ca.pem"
headers_command = ["token"]
metrics_max_age = "2 h"
"""


def test_the_studios_token_is_not_sent_to_an_endpoint_that_a_variable_names() -> None:
    found = settle({f"{E}ENDPOINT": "http://localhost:4318"}, STUDIO)
    assert traces(found) == EndpointConfig(url="http://localhost:4318/v1/traces", insecure=True)
    assert found.config.delivery.headers_command == ()
    assert found.config.delivery.metrics_max_age == 7200


def test_a_token_in_a_variable_goes_to_the_studios_endpoint() -> None:
    found = settle({f"{E}HEADERS": "authorization=Bearer%20mine"}, STUDIO)
    assert traces(found).headers == (("authorization", "Bearer mine"),)
    assert traces(found).url == "https://otlp.studio:4317"
    assert traces(found).certificate == "/s/ca.pem"
    assert found.source("delivery.traces.certificate").where == f"{FILE}:6"


def test_settings_of_a_file_without_an_endpoint_go_with_the_one_that_a_variable_names() -> None:
    toml = '[delivery]\nheaders = { x-scope-orgid = "show" }\nheaders_file = "/etc/token"'
    found = settle({f"{E}ENDPOINT": "http://c"}, toml)
    assert traces(found).headers == (("x-scope-orgid", "show"),)
    assert found.config.delivery.headers_file == "/etc/token"


def test_one_signal_moved_elsewhere_takes_no_shared_credential_command_with_it() -> None:
    found = settle({f"{E}TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, STUDIO)
    assert traces(found).headers == ()
    assert found.config.delivery.logs is not None
    assert found.config.delivery.logs.headers == (("authorization", "Bearer studio"),)
    assert found.config.delivery.headers_command == ()


def test_the_endpoint_of_an_argument_goes_before_all() -> None:
    found = settle(
        {f"{E}TRACES_ENDPOINT": "http://b"}, STUDIO, {"endpoint": "http://a", "headers": {"A": "1"}}
    )
    assert traces(found).url == "http://a/v1/traces"
    assert traces(found).headers == (("a", "1"),)


def test_a_wrong_endpoint_in_an_argument_is_an_error_at_once() -> None:
    with pytest.raises(ConfigError, match=r"endpoint= accepted: an http:// or https:// URL"):
        settle(arguments={"endpoint": "collector:4318"})


def test_neither_repr_nor_problems_show_a_credential() -> None:
    found = settle({f"{E}ENDPOINT": "https://kim:hunter2@c", f"{E}HEADERS": "authorization=hunter2"})
    assert "hunter2" not in repr(found)
