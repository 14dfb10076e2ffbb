"""The queries of the documentation: names that exist, and a grammar that holds. None of them is run by a Loki here.

The grammar is Grafana's own, that of the editor in Grafana, which comes as a package of npm: the nox session `logql`
brings it. It says that Loki would accept a query, not what Loki answers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from clientobs import semconv
from project.pages import all_pages

PARSER_VARIABLE: Final = "LOGQL_PARSER"
"""Folder of a node_modules that has @grafana/lezer-logql."""
_LABEL: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|>=|<=|=|>|<)\s*(?=[\"\d`])")
_GROUPED: Final = re.compile(r"\bby\s*\(([^)]*)\)")
_IN_SHELL: Final = re.compile(r"'query=([^']*)'")
_LOOKS_LIKE_ONE: Final = re.compile(r"\{\w+\s*=~?\s*\"")
_OF_LOKI: Final = {
    "event_name",
    "severity_number",
    "severity_text",
    "detected_level",
    "scope_name",
    "trace_id",
    "span_id",
}
"""What Loki makes of an OTLP log record beside its attributes and the resource's."""


def queries() -> dict[str, str]:
    """Return all queries by the place where they stand."""
    found: dict[str, str] = {}
    for page in all_pages():
        for block in page.blocks:
            if block.language == "logql":
                found[str(block)] = block.text.strip()
            for shell in _IN_SHELL.findall(block.text):
                found[f"{block} (query=)"] = shell
    return found


def test_every_query_is_marked_as_one() -> None:
    for page in all_pages():
        for block in page.blocks:
            if block.language in {"", "text", "sh"} and "query=" not in block.text:
                assert not _LOOKS_LIKE_ONE.search(block.text), f"{block} is a query: mark it as logql"
    assert len(queries()) >= 6


@pytest.mark.parametrize("place", sorted(queries()))
def test_its_labels_are_names_that_are_recorded(place: str) -> None:
    known = {str(entry[2]).replace(".", "_") for entry in semconv.ENTRIES} | _OF_LOKI
    query = queries()[place]
    labels = set(_LABEL.findall(query))
    for names in _GROUPED.findall(query):
        labels |= {name.strip() for name in names.split(",")}
    assert labels
    assert labels <= known, labels - known


def test_events_in_queries_are_events_that_are_recorded() -> None:
    events = {str(entry[2]) for entry in semconv.ENTRIES if entry[0] == "event"}
    asked = {name for query in queries().values() for name in re.findall(r'event_name="([^"]*)"', query)}
    assert asked
    assert asked <= events


@pytest.mark.skipif(
    PARSER_VARIABLE not in os.environ,
    reason="the nox session `logql` brings Grafana's grammar, a package of npm",
)
def test_grafana_s_own_grammar_of_logql_holds() -> None:
    node = shutil.which("node")
    assert node is not None
    places = sorted(queries())
    broken = ["{a=}", '{a="b"} | ', 'sum(rate({a="b"}))', '{a="b"} | c == "d']
    done = subprocess.run(
        [node, str(Path(__file__).with_name("logql.mjs")), os.environ[PARSER_VARIABLE]],
        input=json.dumps([*(queries()[place] for place in places), *broken]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert dict(zip(places, answers, strict=False)) == {place: [] for place in places}
    assert all(answers[len(places) :]), "the grammar bites"
