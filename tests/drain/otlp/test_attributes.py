"""Values as AnyValue: faithful where OTLP has a place for them, text where it has none, never an error."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from clientobs.drain.otlp.attributes import AttributeBytes, any_value, framed, utf8
from support.otlp_receiver import plain, plain_attributes

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),  # lone surrogates and NUL included
    st.binary(max_size=50),
    st.complex_numbers(),
    st.dates(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(st.characters()), st.integers()), inner, max_size=4),
        st.tuples(inner, inner),
    ),
    max_leaves=20,
)


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def through_the_wire(value: Any) -> Any:
    return plain(AnyValue.FromString(any_value(value).SerializeToString()))


@given(VALUES)
def test_any_value_can_be_encoded_and_decoded(value: Any) -> None:
    through_the_wire(value)


@given(st.dictionaries(st.text(st.characters()), VALUES, max_size=6))
def test_cached_attributes_say_the_same_as_a_message_that_was_built(attributes: dict[str, Any]) -> None:
    cache = AttributeBytes(Span.ATTRIBUTES_FIELD_NUMBER)
    built = Span(
        attributes=[KeyValue(key=utf8(key), value=any_value(value)) for key, value in attributes.items()]
    ).SerializeToString(deterministic=True)
    assert cache.join(attributes) == built
    assert cache.join(attributes) == built, "from the cache"


def test_values_keep_their_type() -> None:
    value = {
        "text": "ümläut 日本",
        "int": -(1 << 63),
        "bool": True,
        "float": 0.5,
        "bytes": b"\xff",
        "none": None,
        "list": [1, "a", [True]],
        "empty": [],
        "map": {"deep": {"er": 1}},
        "empty map": {},
    }
    assert through_the_wire(value) == value


def test_true_is_not_taken_for_a_one_that_came_before() -> None:
    cache = AttributeBytes(Span.ATTRIBUTES_FIELD_NUMBER)
    joined = cache.join({"n": 1}) + cache.join({"b": 1}) + cache.join({"b": True}) + cache.join({"n": True})
    values = [plain(one.value) for one in Span.FromString(joined).attributes]
    assert [(type(value), value) for value in values] == [(int, 1), (int, 1), (bool, True), (bool, True)]


def test_what_is_no_utf8_is_escaped_and_the_rest_stays() -> None:
    assert utf8("Z\u00fcrich \udc80\ud800 \x00 end") == "Zürich \\udc80\\ud800 \\x00 end"


def test_integers_beyond_64_bits_are_text_however_large() -> None:
    assert through_the_wire(1 << 63) == "0x8000000000000000"
    assert through_the_wire([-(1 << 63) - 1]) == ["-0x8000000000000001"]
    assert len(through_the_wire(10**6000)) > 4300, "beyond what str() of an int does"


def test_numbers_that_are_none_stay_floats() -> None:
    assert math.isnan(through_the_wire(float("nan")))
    assert through_the_wire(float("-inf")) == -math.inf


def test_a_value_that_cannot_be_made_text_is_told_by_its_type() -> None:
    assert through_the_wire({"what": Unspeakable()}) == {"what": "<Unspeakable>"}


def test_a_value_that_contains_itself_ends() -> None:
    loop: dict[str, Any] = {"list": []}
    loop["list"].append(loop)
    assert "..." in str(through_the_wire(loop))


def test_the_cache_is_bounded() -> None:
    cache = AttributeBytes(Span.ATTRIBUTES_FIELD_NUMBER)
    for index in range(10_000):
        cache.join({"path": f"/frame.{index}"})
    assert len(cache._known) <= 4096
    joined = cache.join({"long": "x" * 100_000})
    assert plain_attributes(Span.FromString(joined).attributes) == {"long": "x" * 100_000}
    assert all(len(entry) < 400 for entry in cache._known.values()), "long texts are not kept"


@given(st.integers(1, 15), st.binary(max_size=300) | st.sampled_from([bytes(1 << 14), bytes((1 << 21) + 3)]))
def test_frames_are_those_of_protobuf(number: int, message: bytes) -> None:
    frame = framed(number, message)
    shift = length = 0
    position = 1
    while True:
        length |= (frame[position] & 0x7F) << shift
        if frame[position] < 0x80:
            break
        position, shift = position + 1, shift + 7
    assert (frame[0] >> 3, frame[0] & 7, length, frame[position + 1 :]) == (number, 2, len(message), message)
