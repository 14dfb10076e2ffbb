"""[[log_files]] of the configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from clientobs.config.log_files import ACCEPTED, LogFilesConfig
from clientobs.config.log_presets import PRESETS
from clientobs.config.resolve import Resolved, resolve
from clientobs.drain.launch.settings import config_from_text, config_to_text
from clientobs.errors import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "follow-log-files.md"


def resolved(text: str) -> Resolved:
    return resolve(
        {"config": "/studio/clientobs.toml"},
        environ={"HOME": "/home/artist"},
        strict=False,
        platform="linux",
        read_file=lambda _path: text.encode(),
    )


def test_entries_come_in_their_order_with_what_a_preset_knows() -> None:
    found = resolved(
        '[[log_files]]\nname = "asset"\npaths = ["~/asset/*.log"]\nmacos = ["/tmp/x"]\nlevel = "WARN"\n'
        '[[log_files]]\npreset = "shotgrid-toolkit"\nname = "toolkit"\n'
    )
    asset, toolkit = found.config.log_files
    assert (asset.globs("linux"), asset.level) == (("/home/artist/asset/*.log",), "warn")
    assert asset.globs("darwin") == ("/home/artist/asset/*.log", "/tmp/x")
    assert toolkit.name == "toolkit"  # what is said counts more than the preset
    assert toolkit.pattern is not None
    assert toolkit.globs("win32") == ("%APPDATA%/Shotgun/Logs/*.log",)
    assert found.source("log_files.1").line == 6
    assert found.problems == ()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('nam = "x"\npaths = ["/x"]', "unknown key 'nam'; did you mean 'name'?"),
        ('name = "x"', "a name and globs"),
        ('paths = ["/x"]', "a name and globs"),
        ('name = "x"\npaths = ["/x"]\npattern = "("', "pattern: accepted: a list of regular expressions"),
        ('name = "x"\npaths = ["/x"]\nencoding = "utf-7.5"', "the name of a codec of Python"),
        ('name = "x"\npaths = ["/x"]\nencoding = "base64"', "a codec of Python for text"),
        ('name = "x"\npaths = ["/x"]\nencoding = "idna"', "a codec of Python for text"),
        ('name = "x"\npaths = ["/x"]\nerrors = ["("]', "errors: accepted: a list of regular expressions"),
        ('preset = "nuke"', "globs (paths ...) with preset 'nuke'"),
        ('name = "x"\npaths = ["/x"]\nlevel = "loud"', "level: accepted: trace | debug | info"),
        ('preset = "maja"\npaths = ["/x"]', "preset: accepted: "),
        ('name = "x"\npaths = ["/x"]\nper_minute = 0', "per_minute: accepted: a whole number from 1"),
    ],
)
def test_a_wrong_entry_is_told_with_its_line_and_the_others_hold(entry: str, message: str) -> None:
    found = resolved(f'[[log_files]]\nname = "good"\npaths = ["/good"]\n[[log_files]]\n{entry}\n')
    assert [each.name for each in found.config.log_files] == ["good"]
    (problem,) = found.problems
    assert message in problem.message
    assert (problem.key, problem.line) == ("log_files.1", 4)


@pytest.mark.parametrize(
    "encoding", ["cp949", "utf-16", "utf-8-sig", "latin-1", "shift_jis", "cp1252", "utf-7", "hz"]
)
def test_codecs_for_text_are_taken(encoding: str) -> None:
    found = resolved(f'[[log_files]]\nname = "x"\npaths = ["/x"]\nencoding = "{encoding}"\n')
    assert found.problems == ()


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_is_an_entry_that_the_drain_can_use(preset: str) -> None:
    config = resolved(f'[[log_files]]\npreset = "{preset}"\npaths = ["~/x/*.log"]\nlevel = "info"\n').config
    (entry,) = config.log_files
    assert (entry.name, entry.preset, entry.level) == (preset, preset, "info")
    assert entry.paths == ("/home/artist/x/*.log",)
    assert set(PRESETS[preset]) <= set(LogFilesConfig.__dataclass_fields__)
    places = (*entry.linux, *entry.macos, *entry.windows)
    assert all(place.startswith(("/", "%", "$")) for place in places)  # a home is filled in already
    assert config_from_text(config_to_text(config)) == config


def test_the_page_on_log_files_lists_each_preset_and_its_entries_hold() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)
    assert listed == list(PRESETS)
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    found = [resolved(block) for block in blocks]
    assert [each.problems for each in found] == [()] * 3
    names = [entry.name for each in found for entry in each.config.log_files]
    assert names == ["deadline-worker", "nuke", "asset-sync", "in-house-renderer"]


def test_one_table_where_a_list_belongs_is_told() -> None:
    (problem,) = resolved('[log_files]\nname = "x"\n').problems
    assert problem.message == "tables [[log_files]] are expected here"


@pytest.mark.parametrize("entries", [[{"name": "x"}], ["x"], [{"name": "x", "paths": [1]}]])
def test_python_code_is_told_at_once(entries: Any) -> None:
    with pytest.raises(ConfigError, match="log_files"):
        resolve({"log_files": entries}, environ={}, strict=False)


def test_the_drain_is_handed_all_of_it() -> None:
    config = resolved('[[log_files]]\npreset = "shotgrid-toolkit"\nignore = ["^x"]\n').config
    assert config_from_text(config_to_text(config)) == config
    assert isinstance(config.log_files[0], LogFilesConfig)


def test_every_key_has_words_for_the_reference() -> None:
    assert set(ACCEPTED) == set(LogFilesConfig.__dataclass_fields__)
