"""The page of settings says what the code does."""

from __future__ import annotations

import re
import runpy
from typing import TYPE_CHECKING, Any

import pytest

from clientobs.config.options import OPTIONS
from clientobs.config.resolve import resolve
from project.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "reference" / "configuration.md"


def generator() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "configuration_page.py"))


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = "\n".join(generator()["configuration_page"]())
    assert text.partition("\n\n")[2] == made, "run python docs/generate.py"


def test_every_setting_and_variable_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    # those of a signal are told by their general form
    general = [
        option for key, option in OPTIONS.items() if not re.match(r"delivery\.(traces|logs|metrics)", key)
    ]
    for option in general:
        assert f"`{option.key.rpartition('.')[2]}`" in text or f"`{option.key}`" in text
        for name in (*option.variables, *([f"{option.argument}="] if option.argument else [])):
            assert f"`{name}`" in text


def test_the_example_file_is_read_without_a_problem() -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    example = found[1].encode()
    resolved = resolve(
        {"config": "/c.toml"}, environ={}, strict=True, platform="linux", read_file=lambda _: example
    )
    assert len(resolved.sources) >= 8


def test_a_field_without_a_docstring_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "model.py"
    bare.write_text('class DrainConfig:\n    """x"""\n    mode: str\n', encoding="utf-8")
    made = generator()
    monkeypatch.setattr(made["model"], "__file__", str(bare))
    with pytest.raises(LookupError, match=r"DrainConfig\.mode has no docstring"):
        made["docstrings"]()
