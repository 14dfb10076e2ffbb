"""What each reason of a loss means, and what to do about it: for `clientobs status` and the reference page.

The words are those of the ledgers (`_loss.py`, `journal/losses.py`, drain/); a test looks each of them up here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = ["MEANINGS", "Meaning", "Place"]

Place: TypeAlias = Literal["host", "journal", "drain"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """One reason: where it is counted, what is gone (one sentence), what to do."""

    where: Place
    gone: str
    remedy: str


_TOO_MUCH: Final = "record less of it, or less often"
_DISK: Final = "make room on the disk of the journal, or name another by CLIENTOBS_HOME"
_REPORT: Final = "nothing was disturbed; please report it, with the output of `clientobs doctor`"
_ENDPOINT: Final = "ask whoever runs the endpoint why it refuses them; its words are in `clientobs status`"
_OFFLINE: Final = "deliver sooner (`clientobs drain --once`), or raise journal.bulk_bytes and journal.max_age"

MEANINGS: Final[dict[str, Meaning]] = {
    # cut or thinned before anything is written
    "attributes": Meaning("host", "Attributes beyond the count limit; the record is there.", _TOO_MUCH),
    "text": Meaning("host", "The end of a text that is too long; the record is there.", _TOO_MUCH),
    "nesting": Meaning("host", "Elements of a list or dict that is too deep or too long.", _TOO_MUCH),
    "storm": Meaning(
        "host",
        "Spans or events of one name that came faster than limits.storm_per_minute.",
        "put one span around the loop instead of one into it, or raise the limit",
    ),
    "log-storm": Meaning(
        "host",
        "Log records of one line of code that came faster than logs.per_minute; how many is told.",
        "log less in that loop, or raise the limit",
    ),
    "log-nested": Meaning(
        "host", "A log record made in the middle of several others on the same thread.", "record less there"
    ),
    "file-spans": Meaning(
        "host",
        "Spans of slow or failed file operations outside every span, beyond files.spans_per_trace a minute.",
        "put spans around the work: the summary of each counts them all",
    ),
    "exceptions": Meaning(
        "host",
        "Records of an exception that came more than 60 times a minute; its spans are there.",
        "mend it: the first ones say where",
    ),
    "sampling": Meaning(
        "host", "Spans that the configured sampler left out, as it was told to.", "see OTEL_TRACES_SAMPLER"
    ),
    # the journal could not take it
    "oversize": Meaning(
        "journal", "A record of more than 1 MiB.", "put large data into a file and its path here"
    ),
    "quota": Meaning(
        "journal", "The oldest undelivered records, or new ones where no share is left.", _OFFLINE
    ),
    "age": Meaning("journal", "Undelivered records older than journal.max_age.", _OFFLINE),
    "disk-full": Meaning("journal", "Records of the time in which the disk was full.", _DISK),
    "disk-floor": Meaning(
        "journal", "New records: the disk has less room than journal.free_floor_bytes.", _DISK
    ),
    "io": Meaning("journal", "Records of 30 s after a write failed twice.", "look for a failing disk"),
    "home": Meaning(
        "journal",
        "Records of 30 s: the journal's folder was refused.",
        "`clientobs doctor` says why it is unsafe",
    ),
    "deleted": Meaning(
        "journal",
        "Records in a segment that somebody deleted while it was written.",
        "keep cleaning scripts away from the journal: it bounds itself",
    ),
    "closed": Meaning("journal", "Records after the session had ended.", "end spans before shutdown()"),
    "reentrant": Meaning(
        "journal",
        "A record made by a signal handler while its thread opened a segment or the first meter.",
        "record less there",
    ),
    "context": Meaning(
        "journal", "A production context that was no longer known; its records are there.", _REPORT
    ),
    "carry": Meaning(
        "journal",
        "Open spans beyond one segment's size: without an end they are not told as interrupted.",
        "end spans; thousands are open",
    ),
    "fault": Meaning("journal", "Records that met a fault of our own.", _REPORT),
    # found by the drain
    "damaged": Meaning("drain", "A stretch of a segment that does not check out.", "look for a failing disk"),
    "torn": Meaning(
        "drain",
        "The last record of a process that died in the middle of writing it.",
        "nothing: see its session",
    ),
    "unreadable": Meaning("drain", "Records of which nothing can be made.", _REPORT),
    "malformed": Meaning(
        "host",
        "Measurements of which nothing can be made: no finite number, or a step back of a sum.",
        "look at what is handed to add(), record() and set()",
    ),
    "expired": Meaning("drain", "Records older than may be delivered; metrics after an hour.", _OFFLINE),
    "no_endpoint": Meaning(
        "drain",
        "Records of a signal that has no endpoint, where others have one.",
        "name one, or switch that signal off on purpose: OTEL_METRICS_EXPORTER=none",
    ),
    "rejected": Meaning("drain", "Records that the endpoint took no part of (partial_success).", _ENDPOINT),
    "poison": Meaning(
        "drain", "Records that the endpoint refuses each time; they lie in <home>/drain/poison.", _ENDPOINT
    ),
    "series_limit": Meaning(
        "drain",
        "Measurements of series beyond the machine's limit.",
        "use attributes with few values on metrics: no frame numbers, no paths",
    ),
    "metric_conflict": Meaning(
        "drain", "Measurements of one name with two kinds or units.", "give each metric one kind and one unit"
    ),
    # found in the log files of tools
    "log_file_rate": Meaning(
        "drain",
        "Records of a log file beyond its number a minute.",
        "raise `level` or `per_minute` of its [[log_files]], or name what is noise in `ignore`",
    ),
    "log_file_rotated": Meaning(
        "drain",
        "A log file that was rotated away before it was read to its end.",
        "let the tool keep more than one old file, uncompressed, in the same folder",
    ),
    "log_file_long": Meaning(
        "drain",
        "The part of a log file before its last 64 MiB, where so much waited to be read.",
        "nothing where it is history; quieten a tool that writes faster than it is read",
    ),
    "log_file_time": Meaning(
        "drain",
        "Times in a log file that can't be, in the future or before 1990; the record bears that of the file.",
        "set that machine's clock, or correct `time` and `utc` of its [[log_files]]",
    ),
    "log_files_many": Meaning(
        "drain",
        "Log files beyond the newest hundred of an entry, or folders beyond what is searched for them.",
        "name the files more closely",
    ),
    "other": Meaning("host", "Losses of a 65th reason and more.", _REPORT),
}
"""In the order of a record's way."""
