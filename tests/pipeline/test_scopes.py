"""The number of a scope, as the journal knows it."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from clientobs.pipeline.scopes import ScopeNumbers

SCOPE = InstrumentationScope("studio.publish", "1")


def test_a_scope_is_asked_for_once_until_it_is_forgotten() -> None:
    asked: list[dict[str, Any]] = []

    def number_of(kind: str, values: dict[str, Any]) -> int:
        asked.append(values)
        return len(asked)

    scopes = ScopeNumbers(number_of)
    assert [scopes.of(SCOPE), scopes.of(SCOPE), scopes.of(None)] == [1, 1, 0]
    scopes.forget()
    assert scopes.of(SCOPE) == 2
    assert asked[0]["name"] == "studio.publish"


def test_a_number_that_the_journal_gives_up_while_it_is_asked_for_is_not_kept() -> None:
    def number_of(kind: str, values: dict[str, Any]) -> int:
        asked.append(values)
        if len(asked) == 1:
            scopes.forget()  # as another thread does, whose context was one too many
        return len(asked)

    asked: list[dict[str, Any]] = []
    scopes = ScopeNumbers(number_of)
    assert [scopes.of(SCOPE) for _ in range(3)] == [1, 2, 2]
