"""Hostile input of a megabyte: cleaned within a bound of processor time that anything but linear work exceeds."""

from __future__ import annotations

import json

import pytest

from support.hostile import PIECES, WORST
from support.programs import run_program

resource = pytest.importorskip("resource", reason="limits of processor time are POSIX")

CLEANS = """
import json, resource, sys
# Seconds of this process's own processor time; the kernel ends it. Linear work needs one or two,
# quadratic work on a million characters hours: no busy machine takes the one for the other.
resource.setrlimit(resource.RLIMIT_CPU, (90, 90))
from clientobs.privacy.commands import scrub_arguments
from clientobs.privacy.keys import KeyRules
from clientobs.privacy.texts import TextRules, may_hold_secret
rules = KeyRules(); texts = TextRules(rules)
ends = " =:@//% -pw >'\\" token bearer basic mysql ghp_ PRIVATE KEY 8Q~ login( echo x | '',"
for piece in json.loads(sys.argv[1]):
    text = (piece * 1_000_000)[:1_000_000] + ends + " --password hunter2"
    assert may_hold_secret(text)
    assert "hunter2" not in texts.scrub(text)
    scrub_arguments(text.split(" "), rules, str)
    scrub_arguments([text, text], rules, str)
print("done")
"""


@pytest.mark.parametrize("piece", WORST)
def test_a_megabyte_made_to_run_away_is_cleaned_in_linear_time(piece: str) -> None:
    done = run_program(CLEANS, json.dumps([piece]), timeout=600)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.torture
@pytest.mark.parametrize("piece", PIECES)
def test_no_hostile_piece_makes_a_rule_run_away(piece: str) -> None:
    done = run_program(CLEANS, json.dumps([piece]), timeout=600)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
