"""Whether the endpoint answers OTLP, whether the clocks agree, and how the drain fared.

The question is an empty export: a valid request that an OTLP endpoint must accept, and that leaves no trace.
It is asked by the drain's own transport, so that proxy, TLS, headers and compression are those of delivery.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from clientobs.config.destination import destination_key
from clientobs.runtime.checks.home import find_home
from clientobs.runtime.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.config.model import DeliveryConfig, EndpointConfig, Signal
    from clientobs.drain.otlp.answers import Answer
    from clientobs.drain.service.state import DrainState
    from clientobs.runtime.checks.patient import Patient

__all__ = ["MAX_SKEW_SECONDS", "check"]

MAX_SKEW_SECONDS: Final = 30.0
"""Back ends sort by time and refuse what is too old or from the future; NTP keeps machines within 1 s."""

_SECTION: Final = "endpoint"
_SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs", "metrics")
_REMEDIES: Final = {
    "HTTP 401": "check the credential (OTEL_EXPORTER_OTLP_HEADERS, or delivery.headers_file)",
    "HTTP 403": "check what the credential may do at the endpoint",
    "HTTP 404": "check the URL: OTEL_EXPORTER_OTLP_ENDPOINT takes the base, /v1/traces and so on are added",
    "HTTP 407": "the proxy wants a credential: put it into https_proxy, or name the host in no_proxy",
    "UNAUTHENTICATED": "check the credential (OTEL_EXPORTER_OTLP_HEADERS, or delivery.headers_file)",
    "PERMISSION_DENIED": "check what the credential may do at the endpoint",
    "UNIMPLEMENTED": "the server has no OTLP service for this signal; check host and port",
    "UNAVAILABLE": "check host, port and TLS: http:// or OTEL_EXPORTER_OTLP_INSECURE=true for a plain port",
}
_NOTHING_THERE: Final = "check that the collector runs and that this machine can reach it"
_ODD_ANSWER: Final = "ask whoever runs the endpoint; records wait in the journal meanwhile"


def check(patient: Patient) -> Iterator[Finding]:
    """Yield how each endpoint answers, and what the drain's own file tells."""
    delivery = patient.resolved.config.delivery
    if not delivery.configured:
        yield Finding(
            section=_SECTION,
            level="note",
            text="none is configured: records stay in the journal, for `clientobs show`",
            remedy="set OTEL_EXPORTER_OTLP_ENDPOINT, for example http://localhost:4318",
        )
        return
    if patient.network:
        for signal in _SIGNALS:
            yield from _ask(delivery, signal)
    yield from _drain(patient)


def _ask(delivery: DeliveryConfig, signal: Signal) -> Iterator[Finding]:
    endpoint: EndpointConfig | None = getattr(delivery, signal)
    if endpoint is None:
        yield Finding(section=_SECTION, level="note", text=f"{signal} are not sent anywhere")
        return
    from clientobs.drain.otlp.senders import open_transport  # noqa: PLC0415  # http.client and ssl: never unasked

    transport = open_transport(delivery, signal)
    if transport is None:
        return
    begun = time.monotonic()
    asked_at = time.time()
    try:
        answer = transport.post(b"")
    finally:
        transport.close()
    took = time.monotonic() - begun
    url = endpoint.url.partition("?")[0].rpartition("@")[2]
    yield _judge(answer, signal, url, took)
    yield from _clock(answer, asked_at + took / 2, took)


def _judge(answer: Answer, signal: Signal, url: str, took: float) -> Finding:
    facts = {"signal": signal, "url": url, "code": answer.code, "seconds": round(took, 4)}
    if answer.action.value == "accepted":
        text = f"{url} takes {signal} ({took * 1000:.0f} ms)"
        return Finding(section=_SECTION, level="good", text=text, facts=facts)
    remedy = _REMEDIES.get(answer.code, _ODD_ANSWER if answer.code else _NOTHING_THERE)
    return Finding(
        section=_SECTION, level="problem", text=f"{signal}: {answer.text} ({url})", remedy=remedy, facts=facts
    )


def _clock(answer: Answer, ours: float, took: float) -> Iterator[Finding]:
    if answer.server_time is None:
        return
    # The Date header has whole seconds, and was written at some moment of the exchange.
    skew = ours - answer.server_time
    if abs(skew) <= MAX_SKEW_SECONDS + took:
        return
    direction = "ahead of" if skew > 0 else "behind"
    yield Finding(
        section="clock",
        level="problem",
        text=f"this machine is {abs(skew):.0f} s {direction} the endpoint: records get the wrong time",
        remedy="set the clock by NTP on this machine (or on the endpoint's)",
        facts={"skew_seconds": round(skew, 1)},
    )


def _drain(patient: Patient) -> Iterator[Finding]:
    from clientobs.drain.service.state import read_state, state_path  # noqa: PLC0415  # not needed without an endpoint

    home = find_home(patient)
    if home is None:
        return
    key = destination_key(patient.resolved.config.delivery, home.secret)
    state = read_state(state_path(home.path, key))
    if state is None:
        yield Finding(section="delivery", level="note", text="no drain has worked for this endpoint yet")
        return
    yield from _fared(state)


def _fared(state: DrainState) -> Iterator[Finding]:
    for name, signal in state.signals.items():
        if signal.verdict in {"hold", "retry"}:
            held = signal.verdict == "hold"
            yield Finding(
                section="delivery",
                level="problem" if held else "warning",
                text=f"{name}: {signal.reason or 'the last try failed'}",
                remedy="see the endpoint's finding above" if held else "nothing: it is tried again by itself",
            )
    lost = sum(state.lost.values())
    if lost:
        told = ", ".join(f"{count} by {reason}" for reason, count in state.lost.items())
        yield Finding(
            section="delivery",
            level="warning",
            text=f"records lost so far: {told}",
            remedy="docs/reference/losses.md says what each reason means",
            facts={"lost": dict(state.lost)},
        )
    waiting = f"{state.queue_records:,} records wait" if state.queue_records else "nothing waits"
    yield Finding(section="delivery", level="good", text=waiting, facts={"queue_bytes": state.queue_bytes})
