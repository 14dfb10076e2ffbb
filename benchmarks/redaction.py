"""Measure the redactor: `python -m benchmarks.redaction [--rounds N]`, half a minute.

The first table is the hot path, in nanoseconds a call and as a ratio to dict(attributes), the least that an own copy
can cost. The second is the proof that no input makes a pattern run away: the time for a text of four times the
length, divided by four times the time. 1.0 is linear, 4.0 quadratic; the program fails above 2.0.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
import timeit
from collections.abc import Callable, Iterator

from clientobs._loss import LossLedger
from clientobs.config.model import LimitsConfig, PrivacyConfig
from clientobs.privacy.keys import KeyRules
from clientobs.privacy.redaction import Redactor
from clientobs.privacy.texts import TextRules

SIX = {
    "production.project": "bluebird",
    "production.shot": "sh0010",
    "dcc.name": "maya",
    "frame": 1001,
    "ratio": 0.5,
    "tool.outcome": "ok",
}
LENGTH = 16_384
RUNS_AWAY = 2.0
OPENS_EVERY_RULE = " =:@//% -pw >'\" token bearer basic mysql hook ghp_ PRIVATE KEY 8Q~ login( echo x | '',"
"""Stands behind each text, so that no prefilter spares it the patterns."""

ADVERSARIAL = {
    "one character": "a",
    "name without an end": "password",
    "names and equals signs": "password=",
    "name, then spaces": "password   ",
    "opened quotes": "password='",
    "opened and escaped quotes": 'password=\\"',
    "opened brackets": "password=[",
    "brackets and quotes": 'password=["',
    "separators before a name": "token=&",
    "ampersands": "token=&&&&&&&&&&&&&&&&",
    "user info without @": "//ron:",
    "user info, then @": "//@",
    "colons and slashes": "://a:b",
    "an @ far away": "http://ron:pw",
    "token prefixes": "eyJ",
    "token prefixes with dots": "eyJaaaaaaaa.",
    "cloud keys": "AKIA",
    "code host tokens": "ghp_",
    "chat tokens": "xoxb-",
    "mail tokens": "SG.aaaaaaaaaaaaaaaa",
    "model keys": "sk-aA1",
    "begun key blocks": "-----BEGIN RSA PRIVATE KEY-----\n",
    "dashes in a key block": "-----BEGIN PRIVATE KEY------",
    "schemes": "Bearer ",
    "schemes with credentials": "Basic aaaa",
    "programs": "mysql -p ",
    "programs and quotes": "curl -u '",
    "backslashes": "token=\\",
    "logins without a host": "ron:pw@",
    "logins that begin": " ron:(",
    "logins in brackets": "(ron:pw@nas",
    "calls that open": "login('ron', '",
    "calls of many quotes": "login('\\'",
    "echoes": "echo x | ",
    "accounts": "--user a:",
    "lists": "'mysql', '-p', ",
    "lists of backslashes": "'curl', '\\",
    "drives": "net use \\\\nas\\x ",
    "logons": "sqlplus a/",
    "mounts": "mount a=b,",
    "columns": "\nA_TOKEN      ",
    "settings": "setenv A_KEY ",
    "quotes in quotes": "'\"'\"'",
    "elements": "<password>",
    "dotted names": "a.b-c_key.",
    "headers": "Cookie: a=",
    "headers and quotes": 'Authorization: "',
    "words in capitals": "aKEY",
    "wide characters": "pässwörd token=ä",
}


FRESH = {
    "fresh path of 80 characters": "/mnt/projects/show/seq010/sh{:08}/comp/publish/v001/beauty_1001_main_layer.exr",
    "fresh path of Windows": "P:/projects/show/seq010/sh{:08}/comp/publish/v001/beauty_1001_main_layers.exr",
    "fresh message": "Saved scene /show/seq010/sh{:08}/work/v003.ma in 3.25 s, 12 references ok",
    "fresh message with name=value": "Rendered sh{:08} frame=1001 layer=beauty samples=64 in 12.5 s, 8 cores",
    "fresh message with a secret": "Connecting as ron with password=hunter{:08} and timeout=30, retry 1 of 3",
}


def main() -> int:
    """Print both tables; return 1 where something runs away."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    costs = dict(hot_path(rounds))
    floor = costs["dict(six attributes)"]
    print("| hot path | ns | to dict() |\n| --- | ---: | ---: |")
    for title, cost in costs.items():
        print(f"| {title} | {cost:.0f} | {cost / floor:.1f} |")
    print(f"\n| adversarial input, {LENGTH} characters | us | growth |\n| --- | ---: | ---: |")
    worst = 0.0
    for title, piece in ADVERSARIAL.items():
        cost, growth = growth_of(piece)
        worst = max(worst, growth)
        print(f"| {title} | {cost:.0f} | {growth:.2f} |")
    sys.stderr.write(f"worst growth {worst:.2f}, accepted {RUNS_AWAY}\n")
    return int(worst > RUNS_AWAY)


def hot_path(rounds: int) -> Iterator[tuple[str, float]]:
    """Yield what each kind of value costs on the calling thread, in nanoseconds."""
    redactor = Redactor(PrivacyConfig(), LimitsConfig(), LossLedger())
    yield "dict(six attributes)", best(lambda: dict(SIX), rounds)
    yield "six attributes seen before", best(lambda: redactor.attributes(SIX), rounds)
    numbers = itertools.count()
    for title, form in FRESH.items():
        yield title, min(cost_of_fresh(redactor, form, numbers) for _ in range(rounds))


def best(call: Callable[[], object], rounds: int, number: int = 20_000) -> float:
    """Return the nanoseconds of one call, in the best of the rounds."""
    return min(timeit.repeat(call, number=number, repeat=rounds)) / number * 1e9


def cost_of_fresh(redactor: Redactor, form: str, numbers: Iterator[int], count: int = 1_000) -> float:
    """Return the nanoseconds for one text that no cache has seen."""
    texts = [form.format(next(numbers)) for _ in range(count)]
    value = redactor.value
    start = timeit.default_timer()
    for text in texts:
        value("note", text)
    return (timeit.default_timer() - start) / count * 1e9


def growth_of(piece: str) -> tuple[float, float]:
    """Return the microseconds for one length of a repeated piece, and how the time grows with the length."""
    scrub = TextRules(KeyRules()).scrub
    texts = [(piece * length)[:length] + OPENS_EVERY_RULE for length in (LENGTH, 4 * LENGTH)]
    before, after = (best(functools.partial(scrub, text), 7, 1) / 1e3 for text in texts)
    return before, after / (4 * before)


if __name__ == "__main__":
    raise SystemExit(main())
