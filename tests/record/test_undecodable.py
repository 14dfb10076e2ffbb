"""A text that can't be decoded is told to the byte if it may be a path, and no further if it may be content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import clientobs
from clientobs.record.undecodable import undecodable_facts
from support.programs import run_program
from support.readback import seen

if TYPE_CHECKING:
    from pathlib import Path

KOREAN = "/show/레이아웃.ma".encode("cp949")


def told(home: Path) -> dict[str, Any]:
    clientobs.shutdown()
    (event,) = seen(home).events("exception")
    return dict(event.attributes)


def fail_on(raw: bytes) -> None:
    with pytest.raises(UnicodeDecodeError), clientobs.span("read"):
        raw.decode("utf-8")


def test_a_path_is_told_whole_with_what_was_tried(home: Path) -> None:
    clientobs.init("t")
    fail_on(KOREAN)
    facts = told(home)
    assert bytes.fromhex(facts["text.bytes"]) == KOREAN
    assert facts["text.escaped"] == KOREAN.decode("utf-8", "backslashreplace")
    assert (facts["text.encoding"], facts["text.position"]) == ("utf-8", 6)
    assert facts["text.filesystem_encoding"].startswith("utf-8/")
    assert facts["text.locale"]


@pytest.mark.parametrize(
    "content", [b"the diary\nof \xb7 an artist\n", b"x" * 2000 + b"\xb7"], ids=["several lines", "long"]
)
def test_of_content_only_what_failed_is_told(home: Path, content: bytes) -> None:
    clientobs.init("t")
    fail_on(content)
    facts = told(home)
    assert facts["text.bytes"] == "b7"
    assert facts["text.escaped"] == r"\xb7"


@pytest.mark.parametrize("policy", ["portable", "hash", "drop"])
def test_where_paths_are_not_kept_neither_is_the_text(home: Path, policy: str) -> None:
    clientobs.init("t", files={"paths": policy})
    fail_on(KOREAN)
    facts = told(home)
    assert bytes.fromhex(facts["text.bytes"]) == KOREAN[6:7]
    assert "show" not in facts["text.escaped"]


def test_bytes_are_left_out_where_the_redactor_takes_something_out_of_the_text(home: Path) -> None:
    clientobs.init("t")
    fail_on(b"/show?token=abcdef0123456789abcdef/\xb7\xb9.ma")
    facts = told(home)
    assert "text.bytes" not in facts
    assert "abcdef0123456789" not in facts["text.escaped"]


def test_an_error_of_another_kind_has_locale_and_nothing_else() -> None:
    assert set(undecodable_facts(UnicodeError("of a codec"))) == {"text.locale", "text.filesystem_encoding"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has one encoding of paths")
def test_a_path_that_the_locale_has_no_form_for_is_a_failure_though_the_tool_swallows_it(home: Path) -> None:
    program = """
        import clientobs, os, sys
        clientobs.init("t")
        assert sys.getfilesystemencoding() in ("ascii", "iso8859-1", "latin-1"), sys.getfilesystemencoding()
        with clientobs.span("load"):
            for _ in range(3):
                try:
                    open("/show/\\ub808\\uc774.ma").close()
                except Exception:
                    pass
            assert not os.path.exists("/show/\\ub808\\uc774.ma")
    """
    environ = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = run_program(program, environ=environ)
    assert done.returncode == 0, done.stderr
    found = seen(home)
    failure = found.span("file open")
    assert failure.attributes["error.code"] == "UnicodeEncodeError"
    assert failure.attributes["file.path"] == "/show/레이.ma"
    assert failure.attributes["text.encoding"] == "ascii"
    assert failure.attributes["text.locale"] in ("C", "POSIX")
    assert found.span("load").attributes["file.io.failures"] == [
        "UnicodeEncodeError open /show/레이.ma (3x)",
        "UnicodeEncodeError stat /show/레이.ma",
    ]
