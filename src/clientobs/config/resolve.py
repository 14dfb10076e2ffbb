"""The resolver: arguments > environment > TOML file > default, remembering each value's source."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs._dataclass import dataclass
from clientobs.config import arguments as arguments_layer
from clientobs.config import environment, toml_file
from clientobs.config.model import (
    Config,
    DrainConfig,
    ExceptionsConfig,
    FilesConfig,
    JournalConfig,
    LimitsConfig,
    LogsConfig,
    OutcomesConfig,
    PrivacyConfig,
    ProcessesConfig,
    ServiceConfig,
    TracesConfig,
)
from clientobs.config.options import LOG_FILES, OPTIONS
from clientobs.config.otlp import delivery
from clientobs.config.problems import Problem, Source, Unacceptable
from clientobs.config.values import Base, path, user_home
from clientobs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clientobs.config.layers import Found, Layer
    from clientobs.config.toml_file import ReadFile

__all__ = ["Resolved", "resolve"]

_DEFAULT: Final = Source(kind="default")
_SECTIONS: Final[dict[str, type[Any]]] = {
    "service": ServiceConfig,
    "journal": JournalConfig,
    "drain": DrainConfig,
    "privacy": PrivacyConfig,
    "limits": LimitsConfig,
    "files": FilesConfig,
    "processes": ProcessesConfig,
    "logs": LogsConfig,
    "exceptions": ExceptionsConfig,
    "outcomes": OutcomesConfig,
    "traces": TracesConfig,
}
_TOP_LEVEL: Final = {
    "disabled": "disabled",
    "profile": "profile",
    "session.kind": "session_kind",
    "instruments.enabled": "instruments",
}
_FALLS_BACK: Final = ("event_attribute_count", "link_attribute_count")
"""Limits whose default stands back behind a general limit that was set, as the specification has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The settings, where each came from, and what was wrong on the way."""

    config: Config
    sources: Mapping[str, Source]
    """By dotted key (journal.home, resource.team, roots.proj, delivery.traces.endpoint), set ones only."""
    problems: tuple[Problem, ...]

    def source(self, key: str) -> Source:
        """Return where the value of `key` came from; unset ones are defaults."""
        return self.sources.get(key, _DEFAULT)


def resolve(
    arguments: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    strict: bool,
    platform: str = sys.platform,
    read_file: ReadFile = toml_file.read_within,
) -> Resolved:
    """Return the settings of this run.

    Raises ConfigError for a wrong argument, and under `strict` (command line, tests) for any problem.
    Otherwise a value that can't be used is a `Problem`, and the next source of that setting counts.

    >>> found = resolve({"service": "publish"}, environ={"CLIENTOBS_DRAIN": "off"}, strict=True)
    >>> found.config.service.name, found.config.drain.mode, found.source("drain.mode").where
    ('publish', 'off', 'CLIENTOBS_DRAIN')
    """
    home = user_home(environ, platform)
    from_arguments = arguments_layer.read(arguments, user_home=home, platform=platform)
    from_environment = environment.read(environ, platform)
    layers = [from_arguments, from_environment]
    file = _config_file(arguments, from_environment, environ, Base(None, home, platform))
    thrown = environment.disabled_by(environ) is not None
    if file is not None and not thrown:
        # where everything is off the file changes nothing, and its share may be the reason
        layers.append(toml_file.read(file, read_file, user_home=home, platform=platform))
    found = {key: value for layer in reversed(layers) for key, value in layer.found.items()}
    if thrown:
        # the switch that ops throw is stronger than what a tool was written with
        found["disabled"] = from_environment.found["disabled"]
    destination = delivery(layers)
    sources = {key: one.source for key, one in found.items() if not key.startswith("delivery.")}
    problems = [problem for layer in layers for problem in layer.problems] + destination.problems
    _check_sampler_argument(found, problems)
    if strict and problems:
        raise ConfigError("\n".join(str(problem) for problem in problems))
    config = Config(delivery=destination.config, **_sections(found))
    return Resolved(config=config, sources={**sources, **destination.sources}, problems=tuple(problems))


def _config_file(
    arguments: Mapping[str, object], from_environment: Layer, environ: Mapping[str, str], base: Base
) -> str | None:
    named = arguments_layer.config_file(arguments)
    variable = environ.get(environment.CONFIG_VARIABLE, "").strip()
    if not named and not variable:
        return None
    try:
        return str(path(named or variable, base))
    except Unacceptable as error:
        if named:
            raise ConfigError(f"config= accepted: {error}") from None
        source = Source(kind="environment", name=environment.CONFIG_VARIABLE)
        from_environment.problems.append(Problem.at(source, f"accepted: {error}"))
        return None


def _sections(found: Mapping[str, Found]) -> dict[str, Any]:
    """Return the fields of Config, but for delivery."""
    fields: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    top: dict[str, Any] = {}
    for key in OPTIONS.keys() & found.keys():
        section, _, name = key.partition(".")
        if key in _TOP_LEVEL:
            top[_TOP_LEVEL[key]] = found[key].value
        elif section in fields:
            fields[section][name] = found[key].value
    general = fields["limits"].get("attribute_count")
    if general is not None:
        for name in _FALLS_BACK:
            fields["limits"].setdefault(name, general)
    fields["service"]["attributes"] = _open(found, "resource.")
    sections = {name: _SECTIONS[name](**values) for name, values in fields.items() if values}
    entries = sorted(_open(found, f"{LOG_FILES}."), key=lambda entry: int(entry[0]))
    return {
        **top,
        **sections,
        "roots": tuple(root for _, root in _open(found, "roots.")),
        "log_files": tuple(entry for _, entry in entries),
    }


def _open(found: Mapping[str, Found], prefix: str) -> tuple[tuple[str, Any], ...]:
    return tuple(
        sorted((key[len(prefix) :], one.value) for key, one in found.items() if key.startswith(prefix))
    )


def _check_sampler_argument(found: Mapping[str, Found], problems: list[Problem]) -> None:
    """Take back a complaint about an argument that another SDK's sampler is to read (jaeger_remote)."""
    sampler = found.get("traces.sampler")
    if sampler is None or "ratio" not in sampler.value:
        problems[:] = [problem for problem in problems if problem.key != "OTEL_TRACES_SAMPLER_ARG"]
