"""The sender's decisions: what is settled, what waits, who is to blame, and how many requests that takes."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.drain.otlp.answers import Action, Answer
from support.items import HEADER, batch, left_of, log, span, spans
from support.otlp_messages import decode_request
from support.otlp_receiver import Answer as Response
from support.otlp_receiver import OtlpReceiver, Received
from support.senders import Delivery, deliver_through, deliver_to, shelved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clientobs.drain.batch import Batch

ACCEPTED = Answer(action=Action.ACCEPTED, code="HTTP 200", text="HTTP 200")
REFUSED = Answer(action=Action.BISECT, code="HTTP 400", text="HTTP 400: no")
TOO_LARGE = Answer(action=Action.SPLIT, code="HTTP 413", text="HTTP 413")
BUSY = Answer(action=Action.RETRY, code="HTTP 503", text="HTTP 503: busy")
DENIED = Answer(action=Action.HOLD, code="HTTP 401", text="HTTP 401: token")


class Scripted:
    """A transport that answers by a function of the names of the spans in the request."""

    def __init__(self, rule: Callable[[list[str]], Answer]) -> None:
        self.rule = rule
        self.bodies: list[bytes] = []
        self.accepted: list[str] = []

    def post(self, body: bytes) -> Answer:
        self.bodies.append(body)
        names = span_names(body)
        answer = self.rule(names)
        if answer.action is Action.ACCEPTED:
            self.accepted += names
        return answer

    def close(self) -> None:
        self.bodies.append(b"closed")


def span_names(body: bytes) -> list[str]:
    return [
        one.name
        for group in decode_request("traces", body).resource_spans
        for scoped in group.scope_spans
        for one in scoped.spans
    ]


def poisoned_by(*poison: str, otherwise: Answer = ACCEPTED) -> Callable[[list[str]], Answer]:
    return lambda names: REFUSED if set(poison) & set(names) else otherwise


def refuse_poison(got: Received) -> Response | None:
    return Response(status=400) if b"poison" in gzip.decompress(got.raw) else None


def test_one_poison_record_among_a_thousand_takes_no_other_with_it(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    receiver.answer_if(refuse_poison)
    with deliver_to(receiver, tmp_path) as delivery:
        outcome = delivery.traces.send(spans(1000, at_777="poison"))
    names = [got.record.name for got in receiver.spans()]
    assert sorted(names) == sorted(f"span {index}" for index in range(1000) if index != 777)
    assert (outcome.verdict, outcome.settled, outcome.delivered) == ("delivered", 1000, 999)
    assert (outcome.poisoned, delivery.loss.totals()) == (1, {"poison": 1})
    assert shelved(delivery.shelf) == [f"{HEADER.run}-bulk-777.traces"]
    assert outcome.requests == len(receiver.requests) <= 21


def test_what_is_settled_is_a_row_from_the_left(tmp_path: Path) -> None:
    transport = Scripted(
        lambda names: BUSY if "span 6" in names else TOO_LARGE if len(names) > 2 else ACCEPTED
    )
    delivery = deliver_through(transport, tmp_path)
    whole = spans(8)
    outcome = delivery.traces.send(whole)
    assert (outcome.verdict, outcome.settled, outcome.reason) == ("retry", 0, "HTTP 503: busy")

    transport.rule = lambda names: TOO_LARGE if len(names) > 2 else BUSY if "span 6" in names else ACCEPTED
    outcome = delivery.traces.send(whole)
    assert (outcome.verdict, outcome.settled, outcome.delivered) == ("retry", 6, 6)
    rest = left_of(whole, outcome)
    assert rest is not None
    assert [item.sequence for item in rest.items] == [6, 7]

    transport.rule = lambda _names: ACCEPTED
    last = delivery.traces.send(rest)
    assert left_of(rest, last) is None
    assert transport.accepted == [f"span {index}" for index in range(8)], "each once, in order"


def test_a_resend_is_the_same_bytes(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.answer(503, times=2)
    with deliver_to(receiver, tmp_path) as delivery:
        for _ in range(3):
            outcome = delivery.traces.send(spans(50))
    with deliver_to(receiver, tmp_path) as another_drain:
        another_drain.traces.send(spans(50))
    assert outcome.verdict == "delivered"
    assert len(receiver.requests) == 4
    assert len({got.raw for got in receiver.requests}) == 1


def test_failures_in_a_row_wait_longer_and_success_starts_anew(tmp_path: Path) -> None:
    transport = Scripted(lambda _names: BUSY)
    delivery = deliver_through(transport, tmp_path)
    assert [delivery.traces.send(spans(1)).wait for _ in range(4)] == [1, 2, 4, 8]
    transport.rule = lambda _names: ACCEPTED
    assert delivery.traces.send(spans(1)).wait == 0
    transport.rule = lambda _names: BUSY
    assert delivery.traces.send(spans(1)).wait == 1


def test_a_refused_credential_holds_everything_and_names_the_reason(tmp_path: Path) -> None:
    delivery = deliver_through(Scripted(lambda _names: DENIED), tmp_path)
    outcome = delivery.traces.send(spans(10))
    assert (outcome.verdict, outcome.settled, outcome.reason) == ("hold", 0, "HTTP 401: token")
    assert outcome.wait >= 30


def test_an_endpoint_that_refuses_even_nothing_gets_no_record_blamed(tmp_path: Path) -> None:
    transport = Scripted(lambda _names: REFUSED)
    delivery = deliver_through(transport, tmp_path)
    outcome = delivery.traces.send(spans(1000))
    assert (outcome.verdict, outcome.settled, outcome.poisoned) == ("hold", 0, 0)
    assert "an empty request is refused too" in outcome.reason
    assert shelved(delivery.shelf) == []
    assert outcome.requests <= 12


def test_an_endpoint_that_refuses_nothing_in_another_way_is_not_suspected(tmp_path: Path) -> None:
    """Loki answers 422 to an empty request, and 400 to a record that is too old."""
    empty = Answer(action=Action.BISECT, code="HTTP 422", text="HTTP 422: no streams")
    delivery = deliver_through(Scripted(lambda names: REFUSED if names else empty), tmp_path)
    outcome = delivery.traces.send(spans(2))
    assert (outcome.verdict, outcome.settled, outcome.poisoned) == ("delivered", 2, 2)


def test_an_endpoint_that_falls_silent_during_the_control_is_retried(tmp_path: Path) -> None:
    delivery = deliver_through(Scripted(lambda names: REFUSED if names else BUSY), tmp_path)
    outcome = delivery.traces.send(spans(1))
    assert (outcome.verdict, outcome.settled, shelved(delivery.shelf)) == ("retry", 0, [])


def test_a_thousand_poison_records_stop_after_a_bounded_number_of_requests(tmp_path: Path) -> None:
    transport = Scripted(lambda names: REFUSED if names else ACCEPTED)
    delivery = deliver_through(transport, tmp_path)
    rest: Batch | None = spans(200)
    poisoned = 0
    rounds = 0
    while rest is not None:
        outcome = delivery.traces.send(rest)
        assert outcome.requests <= 65
        assert outcome.settled == outcome.poisoned > 0
        poisoned, rounds = poisoned + outcome.poisoned, rounds + 1
        rest = left_of(rest, outcome)
    assert (poisoned, rounds > 3) == (200, True)
    assert delivery.loss.totals() == {"poison": 200}


def test_413_splits_until_it_fits_and_only_what_never_fits_is_poison(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    def limit(got: Received) -> Response | None:
        return Response(status=413) if len(gzip.decompress(got.raw)) > 4000 else None

    receiver.answer_if(limit)
    items = [span(index) for index in range(40)]
    items[11] = span(11, attributes={"text": "x" * 5000})
    with deliver_to(receiver, tmp_path) as delivery:
        outcome = delivery.traces.send(batch("traces", *items))
    assert (outcome.verdict, outcome.delivered, outcome.poisoned) == ("delivered", 39, 1)
    assert shelved(delivery.shelf) == [f"{HEADER.run}-bulk-11.traces"]
    assert len(receiver.spans()) == 39


def test_a_batch_is_cut_by_bytes_before_anybody_complains(tmp_path: Path) -> None:
    transport = Scripted(lambda _names: ACCEPTED)
    delivery = deliver_through(transport, tmp_path, max_request_bytes=10_000)
    items = [span(index, attributes={"text": f"{index}" + "x" * 900}) for index in range(50)]
    outcome = delivery.traces.send(batch("traces", *items))
    assert (outcome.verdict, outcome.delivered) == ("delivered", 50)
    assert max(len(body) for body in transport.bodies) <= 10_000
    assert len(transport.bodies) < 10


def test_a_record_larger_than_the_bound_is_sent_alone(tmp_path: Path) -> None:
    transport = Scripted(lambda _names: ACCEPTED)
    delivery = deliver_through(transport, tmp_path, max_request_bytes=2_000)
    items = [span(0), span(1, attributes={"text": "x" * 9000}), span(2)]
    assert delivery.traces.send(batch("traces", *items)).delivered == 3
    assert [span_names(body) for body in transport.bodies] == [["span 0"], ["span 1"], ["span 2"]]


def test_a_partial_success_is_counted_told_and_never_sent_again(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    receiver.answer(200, rejected=3, words="too old")
    with deliver_to(receiver, tmp_path) as delivery:
        outcome = delivery.traces.send(spans(10))
    assert (outcome.verdict, outcome.settled) == ("delivered", 10)
    assert (outcome.delivered, outcome.rejected, outcome.reason) == (7, 3, "HTTP 200: too old")
    assert delivery.loss.totals() == {"rejected": 3}
    assert len(receiver.requests) == 1


def test_a_warning_without_a_rejection_is_told(receiver: OtlpReceiver, tmp_path: Path) -> None:
    receiver.answer(200, words="you send a lot")
    with deliver_to(receiver, tmp_path) as delivery:
        outcome = delivery.traces.send(spans(2))
    assert (outcome.delivered, outcome.reason) == (2, "HTTP 200: you send a lot")
    assert delivery.loss.totals() == {}


def test_what_cannot_be_encoded_is_set_aside_once_and_the_rest_delivered(tmp_path: Path) -> None:
    transport = Scripted(lambda _names: BUSY)
    delivery = deliver_through(transport, tmp_path)
    mixed = batch("traces", span(0), span(1, trace_id=0), span(2))
    assert delivery.traces.send(mixed).settled == 0
    assert delivery.loss.totals() == {}, "not counted before it is settled"
    transport.rule = lambda _names: ACCEPTED
    outcome = delivery.traces.send(mixed)
    assert (outcome.settled, outcome.delivered, outcome.poisoned) == (3, 2, 1)
    assert delivery.loss.totals() == {"poison": 1}
    assert "needs a trace id" in outcome.reason


def test_a_batch_of_nothing_but_unencodable_records_makes_no_request(tmp_path: Path) -> None:
    transport = Scripted(lambda _names: ACCEPTED)
    outcome = deliver_through(transport, tmp_path).traces.send(
        batch("traces", span(0, trace_id=0), span(1, span_id=0))
    )
    assert (outcome.verdict, outcome.settled, outcome.poisoned, transport.bodies) == ("delivered", 2, 2, [])


def test_an_empty_batch_makes_no_request(tmp_path: Path) -> None:
    transport = Scripted(lambda _names: ACCEPTED)
    outcome = deliver_through(transport, tmp_path).traces.send(batch("traces"))
    assert (outcome.verdict, outcome.settled, transport.bodies) == ("delivered", 0, [])


def test_a_poison_record_can_be_sent_again_by_hand(tmp_path: Path) -> None:
    transport = Scripted(poisoned_by("poison"))
    delivery: Delivery = deliver_through(transport, tmp_path)
    delivery.traces.send(spans(4, at_2="poison"))
    (name,) = shelved(delivery.shelf)
    with open(f"{delivery.shelf.folder}/{name}.pb", "rb") as file:
        assert span_names(file.read()) == ["poison"]
    with open(f"{delivery.shelf.folder}/{name}.txt", encoding="utf-8") as file:
        assert file.read() == "HTTP 400: no\n"


@pytest.mark.parametrize(
    "odd",
    [
        {"text": "\udcff\x00", "\ud800key\x00": 1},
        {"big": 1 << 200, "nan": float("nan"), "deep": {"a": [{"b": object()}]}},
        {1: 2, None: 3, ("a",): {4, 5}},
    ],
    ids=["surrogates and NUL", "numbers and objects", "odd keys"],
)
def test_odd_content_arrives_as_text_and_spoils_nothing_else(
    receiver: OtlpReceiver, tmp_path: Path, odd: dict[Any, Any]
) -> None:
    with deliver_to(receiver, tmp_path) as delivery:
        outcome = delivery.traces.send(batch("traces", span(0), span(1, "odd \udc80\x00", attributes=odd)))
        logged = delivery.logs.send(batch("logs", log(0, body=odd)))
    assert (outcome.delivered, logged.delivered) == (2, 1)
    assert [got.record.name for got in receiver.spans()] == ["span 0", "odd \\udc80\\x00"]
    assert len(receiver.spans()[1].attributes) == len(odd) + 2
