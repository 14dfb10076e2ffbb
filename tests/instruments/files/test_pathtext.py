"""The text of a path: what the system reads, without a word to the program's own classes."""

from __future__ import annotations

from clientobs.instruments.files.pathtext import text_of


class Asset(str):
    """A path class of a pipeline, on top of str."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("the program's own method was called")


def test_a_path_that_is_a_kind_of_str_is_read_without_calling_its_methods() -> None:
    text = text_of(Asset("/mnt/show/a.exr"))
    assert type(text) is str
    assert text == "/mnt/show/a.exr"
