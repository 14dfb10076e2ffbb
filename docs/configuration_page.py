"""The page of settings, from the table of options and the docstrings under the fields of model.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from clientobs.config import log_files, model
from clientobs.config.options import OPTIONS, SETTINGS, Option
from clientobs.config.problems import Unacceptable
from clientobs.config.units import with_unit
from clientobs.config.values import Base

__all__ = ["configuration_page"]

HEAD = """# Configuration

Nothing has to be configured: without an endpoint clientobs records to the journal on this machine's disk, and
`clientobs show` reads it. A value comes from the first of these that has one:

1. an argument of `init()`,
2. an environment variable,
3. the TOML file that `CLIENTOBS_CONFIG` or `init(config=...)` names,
4. the default.

`clientobs config show` lists every setting with its value and where it came from. The settings of one studio,
in a file on the share:

```toml
[service]
environment = "production"

[resource]
studio.site = "zurich"

[delivery]
endpoint = "https://otlp.studio.example:4318"
headers_command = ["/studio/bin/otlp-token"]

[privacy]
redact_keys = ["client.*"]
propagate_to = ["*.studio.example"]

[roots.proj]
linux = "/mnt/proj"
windows = "P:"
macos = "/Volumes/proj"
```

## What happens to a wrong value

- From Python code: `init()` raises `ConfigError` at once. It names the argument and what is accepted.
- From the environment or the file: the host starts all the same. The value is left out, the next source
  counts, and `clientobs doctor`, `clientobs config show` and an event `clientobs.config.problem` name file,
  line and key. A line that is no TOML costs that line, or the table around it.
- The commands and tests are strict: they end with that message.

Empty variables count as unset. A file on a share that does not answer within 2 s counts as missing.

## How to write a value

- A table of the file may be handed to `init()` as a mapping: `init("publish", drain={"idle_seconds": 5})`.
- Bytes are a number, or text with a unit: `"256 MiB"`, `"1 GB"`.
- Seconds are a number, or text with a unit: `"500 ms"`, `"24 h"`, `"30 d"`.
- Relative paths start at the file's folder, in a variable or an argument at the current directory. `~` is the
  user's home.
- A variable that holds a list separates by commas.
"""

DELIVERY_HEAD = """
With no endpoint nothing is sent. The variables are those of the OpenTelemetry specification, and each setting
may be made for one signal (`[delivery.traces]`, `[delivery.logs]`, `[delivery.metrics]`;
`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`), which goes before the general one from the same source.

An endpoint brings its own settings along: what a lower source says beside an endpoint of its own was meant
for that one. Whoever sets `OTEL_EXPORTER_OTLP_ENDPOINT` to another collector does not send it the token that
the studio's file holds for the studio's endpoint.

Keep credentials out of the file: a variable, `headers_file` or `headers_command` hold them better.
"""

EXPORTERS = """
`OTEL_TRACES_EXPORTER`, `OTEL_LOGS_EXPORTER` and `OTEL_METRICS_EXPORTER` (in the file `exporter` under the
signal's table): `none` switches the signal's delivery off; `otlp` without any endpoint means the
specification's default, `http://localhost:4318` or for grpc `http://localhost:4317`.
"""

SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("Config", "Top level", ""),
    ("ServiceConfig", "[service] and [resource]", "service"),
    ("DeliveryConfig", "[delivery]", "delivery"),
    ("JournalConfig", "[journal]", "journal"),
    ("DrainConfig", "[drain]", "drain"),
    ("PrivacyConfig", "[privacy]", "privacy"),
    ("LimitsConfig", "[limits]", "limits"),
    ("FilesConfig", "[files]", "files"),
    ("ProcessesConfig", "[processes]", "processes"),
    ("LogsConfig", "[logs]", "logs"),
    ("ExceptionsConfig", "[exceptions]", "exceptions"),
    ("OutcomesConfig", "[outcomes]", "outcomes"),
    ("TracesConfig", "[traces]", "traces"),
    ("RootConfig", "[roots.NAME]", "roots"),
    ("LogFilesConfig", "[[log_files]]", "log_files"),
)
NESTED = {
    "service",
    "journal",
    "drain",
    "delivery",
    "privacy",
    "limits",
    "traces",
    "files",
    "processes",
    *("logs", "exceptions", "outcomes"),
    "roots",
    "log_files",
}
KEYS = {"session_kind": "session.kind", "instruments": "instruments.enabled"}
MORE_VARIABLES = {"disabled": ("OTEL_SDK_DISABLED",)}
TABLE_HEAD = "| key | default | accepted | variable, argument | meaning |\n| --- | --- | --- | --- | --- |"


def configuration_page() -> Iterator[str]:
    """Yield the page of all settings."""
    docs = docstrings()
    yield HEAD
    for name, title, table in SECTIONS:
        yield f"## {title}\n"
        yield f"{docs[name, '']}\n"
        if name == "DeliveryConfig":
            yield DELIVERY_HEAD
        yield TABLE_HEAD
        yield from rows(name, table, docs)
        yield EXPORTERS if name == "DeliveryConfig" else ""


def rows(name: str, table: str, docs: dict[tuple[str, str], str]) -> Iterator[str]:
    """Yield the rows of one table."""
    if name == "DeliveryConfig":
        for key in SETTINGS:
            yield row(f"delivery.{key}", "EndpointConfig", "url" if key == "endpoint" else key, docs)
    for field in own_fields(name):
        if name == "RootConfig":
            yield cells(f"`{field}`", "", "an absolute path", "", docs[name, field])
        elif name == "LogFilesConfig":
            yield cells(f"`{field}`", default(name, field), log_files.ACCEPTED[field], "", docs[name, field])
        elif (name, field) == ("ServiceConfig", "attributes"):
            variable = "`OTEL_RESOURCE_ATTRIBUTES`, `resource=`"
            yield cells("`[resource]`", "", "names and values", variable, docs[name, field])
        else:
            yield row(KEYS.get(field, f"{table}.{field}" if table else field), name, field, docs)


def docstrings() -> dict[tuple[str, str], str]:
    """Return the docstring of each class and field of model.py; a field without one is an error."""
    trees = [
        ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8")) for module in (model, log_files)
    ]
    found: dict[tuple[str, str], str] = {}
    for node in (node for tree in trees for node in tree.body):
        if not isinstance(node, ast.ClassDef):
            continue
        found[node.name, ""] = flat(ast.get_docstring(node) or "")
        for line, after in zip(node.body, [*node.body[1:], None], strict=True):
            if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
                continue
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if is_text and isinstance(after.value.value, str):
                found[node.name, line.target.id] = flat(after.value.value)
            elif line.target.id not in NESTED:
                raise LookupError(f"{node.name}.{line.target.id} has no docstring")
    return found


def own_fields(name: str) -> list[str]:
    """Return the settings of a class that are rows of its table."""
    skipped = (
        NESTED if name == "Config" else {"traces", "logs", "metrics"} if name == "DeliveryConfig" else set()
    )
    if name == "RootConfig":
        skipped = {"name"}
    return [field.name for field in fields(class_of(name)) if field.name not in skipped]


def class_of(name: str) -> Any:
    """Return a dataclass of settings by its name."""
    return getattr(model, name, None) or getattr(log_files, name)


def row(key: str, class_name: str, field: str, docs: dict[tuple[str, str], str]) -> str:
    """Return the table row of one option."""
    option = OPTIONS[key]
    names = [f"`{variable}`" for variable in (*option.variables, *MORE_VARIABLES.get(key, ()))]
    if option.argument:
        names.append(f"`{option.argument}=`")
    shown = key if class_name == "Config" else key.rpartition(".")[2]
    meaning = docs[class_name, field]
    for variable in option.variables:
        # said in the column beside it
        meaning = meaning.removesuffix(f" {variable}.")
    return cells(f"`{shown}`", default(class_name, field), accepted(option), ", ".join(names), meaning)


def cells(*texts: str) -> str:
    """Return one row of a table."""
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def default(class_name: str, name: str) -> str:
    """Return the default as it would be written in the file; "" for none."""
    field = next(each for each in fields(class_of(class_name)) if each.name == name)
    value: Any = field.default
    if value is None or value == () or not isinstance(value, (str, int, float, tuple)):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{', '.join(value)}`"
    return f"`{value}`" if isinstance(value, str) else f"`{with_unit(name, value)}`"


def accepted(option: Option) -> str:
    """Return what the option's reader says when it is handed nonsense."""
    try:
        option.read(object(), Base("/", "/", "linux"))
    except Unacceptable as refusal:
        return str(refusal)
    raise LookupError(f"{option.key} accepts anything")


def flat(docstring: str) -> str:
    """Return a docstring as one line."""
    return " ".join(docstring.split())
