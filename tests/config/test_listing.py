"""What `config show` prints: every setting, its source, and no credential."""

from __future__ import annotations

from clientobs.config.listing import rows
from clientobs.config.options import OPTIONS
from clientobs.config.resolve import resolve


def test_every_setting_is_listed_with_its_source() -> None:
    listed = {row.key: row for row in rows(resolve({"drain": "off"}, environ={}, strict=True))}
    assert {key for key in OPTIONS if not key.startswith("delivery.")} <= listed.keys()
    assert (listed["drain.mode"].value, listed["drain.mode"].source.where) == ("off", "drain=")
    assert (listed["journal.max_age"].value, listed["journal.max_age"].source.kind) == ("2592000", "default")
    assert listed["delivery.traces.endpoint"].value == ""


def test_people_see_bytes_and_seconds_with_units_that_the_file_takes_back() -> None:
    plain = resolve({}, environ={}, strict=True)
    shown = {row.key: row.shown for row in rows(plain)}
    assert shown["journal.max_age"] == "30 d"
    assert shown["journal.keep_delivered_seconds"] == "24 h"
    assert shown["journal.bulk_bytes"] == "256 MiB"
    assert shown["limits.text_length"] == "16384"
    journal = {
        key.partition(".")[2]: text for key, text in shown.items() if key.startswith("journal.") and text
    }
    assert resolve({"journal": journal}, environ={}, strict=True).config.journal == plain.config.journal


def test_the_destination_is_shown_without_credentials() -> None:
    found = resolve(
        {
            "endpoint": "https://kim:hunter2@c/x?key=hunter2",
            "headers": {"X-Token": "hunter2"},
            "delivery": {"headers_command": ["/bin/token", "--key=hunter2"]},
            "roots": {"proj": {"linux": "/mnt/proj", "windows": "P:"}},
            "resource": {"team": "fx"},
        },
        environ={},
        strict=True,
        platform="linux",
    )
    listed = {row.key: row.value for row in rows(found)}
    assert listed["delivery.traces.endpoint"] == "https://c/x/v1/traces?***"
    assert listed["delivery.traces.headers"] == "x-token=***, authorization=***"
    assert listed["delivery.headers_command"] == "/bin/token ***"
    assert listed["roots.proj"] == "linux /mnt/proj, windows P:"
    assert listed["resource.team"] == "fx"
    assert "hunter2" not in str(listed)
