"""Our cheap dataclasses behave as the standard library's: each property is asked of both."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest

from clientobs import _dataclass

T = TypeVar("T")
Decorator = Callable[..., Any]
KINDS: dict[str, Decorator] = {"standard": dataclasses.dataclass, "ours": _dataclass.dataclass}
both = pytest.mark.parametrize("kind", KINDS)


@_dataclass.dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """At the module's level, as pickle wants it."""

    name: str
    frames: tuple[int, ...] = (1001, 1100)


def made(kind: str, **options: Any) -> type[Any]:
    """Return a class of three fields, one of them made by a factory."""

    class Plate:
        """A plate."""

        name: str
        frames: int = 24
        tags: list[str] = dataclasses.field(default_factory=list)

    return KINDS[kind](**{"slots": True, **options})(Plate)  # type: ignore[no-any-return]


@both
def test_defaults_factories_and_given_values_are_filled_in(kind: str) -> None:
    plate = made(kind, kw_only=True)
    one, other = plate(name="bg"), plate(name="fg", frames=48, tags=["roto"])

    assert (one.name, one.frames, one.tags) == ("bg", 24, [])
    assert (other.name, other.frames, other.tags) == ("fg", 48, ["roto"])
    assert plate(name="x").tags is not one.tags


@both
def test_fields_are_positional_unless_told_otherwise(kind: str) -> None:
    assert made(kind)("bg", 48).frames == 48
    with pytest.raises(TypeError):
        made(kind, kw_only=True)("bg")


@both
@pytest.mark.parametrize(
    ("args", "values"),
    [((), {}), (("bg",), {"name": "fg"}), ((1, 2, 3, 4), {}), (("bg",), {"colour": "red"})],
    ids=["one misses", "one twice", "one too many", "an unknown one"],
)
def test_wrong_arguments_are_a_type_error(kind: str, args: tuple[Any, ...], values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"Plate\.__init__\(\)"):
        made(kind)(*args, **values)


@both
def test_a_frozen_one_refuses_every_change(kind: str) -> None:
    one = made(kind, frozen=True)("bg")

    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "fg"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.name
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):  # the standard one's own words fail it
        one.unknown = 1
    assert one.name == "bg"


@both
def test_one_that_is_not_frozen_takes_changes_of_its_fields_only(kind: str) -> None:
    one = made(kind)("bg")
    one.frames = 12

    assert one.frames == 12
    with pytest.raises(AttributeError):
        one.unknown = 1
    assert not hasattr(one, "__dict__")


@both
def test_equal_values_of_one_class_are_equal(kind: str) -> None:
    plate, same = made(kind), made(kind)

    assert plate("bg") == plate("bg")
    assert plate("bg") != plate("fg")
    assert plate("bg") != same("bg")
    assert plate("bg") != ("bg", 24, [])


@both
def test_a_class_without_fields_is_one_value(kind: str) -> None:
    class Nothing:
        """No field."""

    nothing = KINDS[kind](frozen=True, slots=True)(Nothing)

    assert nothing() == nothing()
    assert len({nothing(), nothing()}) == 1


@both
def test_hashes_follow_equality(kind: str) -> None:
    frozen, identical = made(kind, frozen=True), made(kind, frozen=True, eq=False)

    assert len({frozen("bg", 1, ()), frozen("bg", 1, ())}) == 1
    assert len({identical("bg", 1, ()), identical("bg", 1, ())}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(made(kind)("bg"))


@both
def test_what_the_class_defines_itself_stays(kind: str) -> None:
    class Endpoint:
        """Hides what it holds."""

        url: str

        def __repr__(self) -> str:
            return "Endpoint(...)"

    assert repr(KINDS[kind](slots=True)(Endpoint)("https://u:p@host")) == "Endpoint(...)"


@both
def test_the_text_names_each_field(kind: str) -> None:
    assert repr(made(kind)("bg")).endswith("Plate(name='bg', frames=24, tags=[])")


@both
def test_the_signature_tells_names_order_and_defaults(kind: str) -> None:
    class Mixed:
        """Order by way of passing."""

        late: int = dataclasses.field(default=1, kw_only=True)
        early: str

    parameters = inspect.signature(KINDS[kind](slots=True)(Mixed)).parameters

    assert [(p.name, p.kind.name) for p in parameters.values()] == [
        ("early", "POSITIONAL_OR_KEYWORD"),
        ("late", "KEYWORD_ONLY"),
    ]
    assert parameters["early"].default is inspect.Parameter.empty
    assert parameters["late"].default == 1


@both
def test_the_tools_of_the_standard_module_work(kind: str) -> None:
    plate = made(kind, frozen=True)
    one = plate("bg")

    assert dataclasses.is_dataclass(plate)
    assert [field.name for field in dataclasses.fields(plate)] == ["name", "frames", "tags"]
    assert dataclasses.replace(one, frames=2).frames == 2
    assert dataclasses.asdict(one) == {"name": "bg", "frames": 24, "tags": []}
    assert vars(plate)["__match_args__"] == ("name", "frames", "tags")


@both
def test_generic_ones_keep_their_base(kind: str) -> None:
    class Choice(Generic[T]):
        """One of something."""

        value: T

    assert KINDS[kind](frozen=True, slots=True)(Choice)(3).value == 3


def test_copies_and_pickles_of_a_frozen_one_are_equal_to_it() -> None:
    one = Shot(name="sh010")

    assert copy.deepcopy(one) == copy.copy(one) == pickle.loads(pickle.dumps(one)) == one


def test_no_method_is_made_of_generated_source() -> None:
    methods = [each for each in vars(made("ours", frozen=True)).values() if inspect.isfunction(each)]

    assert "<string>" not in {method.__code__.co_filename for method in methods}
    assert len(methods) >= 8


def test_slots_can_not_be_left_out() -> None:
    with pytest.raises(TypeError):
        made("ours", slots=False)
