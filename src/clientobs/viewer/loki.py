r"""What Loki's `query_range` answered, saved in a file: the sessions in it, for `clientobs diff-env`.

    curl -G "$LOKI/loki/api/v1/query_range" --data-urlencode \
      'query={service_name=~".+"} | session_id="4bf9..."' --data-urlencode since=7d > a.json

Loki turns the dots of attribute names into underscores and writes lists as JSON; attributes come among the labels
of a stream, or, where the client asked for categories, apart (grafana.com/docs/loki/latest/reference/loki-http-api).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs.errors import BundleError
from clientobs.viewer.surroundings import MACHINE, VERSIONS, Surroundings, packages_of, variables_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["surroundings_from_loki"]

_LARGEST: Final = 256 * 1024 * 1024
_WITH_METADATA: Final = 3
_VARIABLE: Final = "process_environment_variable_"
_NAMES: Final = {
    name.replace(".", "_"): name
    for name in (*VERSIONS, *MACHINE, semconv.HOST_NAME, semconv.TOOL_NAME, semconv.TOOL_VERSION)
}
_SESSION: Final = semconv.SESSION_ID.replace(".", "_")
_ENVIRONMENT_ID: Final = semconv.SESSION_ENVIRONMENT_ID.replace(".", "_")
_PACKAGES_ID: Final = semconv.SESSION_PACKAGES_ID.replace(".", "_")


def surroundings_from_loki(path: str) -> dict[str, Surroundings]:
    """Return what each session ran under, by its id. Raises BundleError for what is no answer of Loki."""
    found: dict[str, Surroundings] = {}
    contents: dict[str, dict[str, str]] = {}
    packages: dict[str, dict[str, str]] = {}
    for time_ns, labels, line in _entries(path):
        session = labels.get(_SESSION)
        if not session:
            continue
        one = found.setdefault(session, Surroundings(session=session, started_ns=time_ns))
        one.started_ns = min(one.started_ns, time_ns)
        one.last_ns = max(one.last_ns, time_ns)
        one.learn({_NAMES[name]: _value(text) for name, text in labels.items() if name in _NAMES})
        variables = variables_of(labels, _VARIABLE)
        if _ENVIRONMENT_ID in labels:
            one.environment_id = labels[_ENVIRONMENT_ID]
            one.packages_id = labels.get(_PACKAGES_ID, one.packages_id)
            one.variables = {**(one.variables or {}), **variables}
            if len(variables) > len(contents.get(one.environment_id, ())):
                contents[one.environment_id] = variables
        elif _PACKAGES_ID in labels:
            packages[labels[_PACKAGES_ID]] = packages_of(line)
    for one in found.values():
        lasting = contents.get(one.environment_id)
        one.variables = {**lasting, **(one.variables or {})} if lasting else None
        one.packages = packages.get(one.packages_id)
    return found


def _entries(path: str) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield time, labels and line of each entry, the oldest first."""
    streams = _streams(path)
    found: list[tuple[int, dict[str, str], str]] = []
    for stream in streams:
        if not isinstance(stream, dict) or not isinstance(stream.get("stream"), dict):
            continue
        labels = {str(name): str(value) for name, value in stream["stream"].items()}
        values = stream.get("values")
        for entry in values if isinstance(values, list) else []:
            if not isinstance(entry, list) or len(entry) < 2 or not str(entry[0]).isdigit():  # noqa: PLR2004
                continue
            found.append((int(str(entry[0])[:20]), {**labels, **_metadata(entry)}, str(entry[1])))
    found.sort(key=lambda one: one[0])
    yield from found


def _streams(path: str) -> list[Any]:
    try:
        if os.stat(path).st_size > _LARGEST:
            raise BundleError(f"{path} is larger than {_LARGEST} bytes; ask Loki for one session at a time.")
        with open(path, encoding="utf-8") as file:
            answer = json.load(file)
        streams = answer["data"]["result"]
    except OSError as error:
        raise BundleError(f"{path} can't be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(
            f"{path} is no answer of Loki's query_range (JSON with data.result, a list of streams)."
        ) from error
    if not isinstance(streams, list):
        raise BundleError(f"{path} is no answer of Loki's query_range: data.result is no list.")
    return streams


def _metadata(entry: list[Any]) -> dict[str, str]:
    """Return what an entry carries apart: an object of names, or categories of such objects."""
    extra = entry[2] if len(entry) >= _WITH_METADATA else None
    if not isinstance(extra, dict):
        return {}
    groups = [group for group in extra.values() if isinstance(group, dict)] or [extra]
    return {str(name): str(value) for group in groups for name, value in group.items()}


def _value(text: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, list) else text
