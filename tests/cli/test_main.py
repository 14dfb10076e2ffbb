"""The command line finds its commands, loads no more than one, and tells how it went by its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clientobs.cli.main import COMMANDS, DONE, INTERRUPTED, PIPE_CLOSED, USAGE, WRONG, main

SOURCE = str(Path(__file__).parents[2] / "src")


def _python(code: str, **more: object) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": SOURCE}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", code],
        env=environ, capture_output=True, text=True, timeout=60, check=False, **more,
    )  # fmt: skip


def test_help_names_every_command_and_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == DONE
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == DONE
    assert f"clientobs {name}" in capsys.readouterr().out


def test_the_package_itself_is_the_command_line() -> None:
    done = _python(
        "import runpy, sys; sys.argv[1:] = ['--version']; runpy.run_module('clientobs', run_name='__main__')"
    )
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "clientobs", "")


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["statsu"])
    assert ended.value.code == USAGE
    assert "did you mean 'status'?" in capsys.readouterr().err


def test_wrong_options_and_broken_settings_have_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", "--number", "0"])
    assert ended.value.code == USAGE
    monkeypatch.setenv("CLIENTOBS_DRAIN", "sometimes")
    assert main(["show"]) == USAGE
    assert "CLIENTOBS_DRAIN" in capsys.readouterr().err


def test_nothing_recorded_yet_is_said_with_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show"]) == WRONG
    told = capsys.readouterr().err
    assert "nothing has been recorded yet" in told
    assert "clientobs run" in told


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("clientobs.cli.main._dispatch", interrupted)
    assert main(["show"]) == INTERRUPTED
    assert capsys.readouterr().err == ""


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    code = (
        "import os, sys; from clientobs.cli.main import main\n"
        "reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 1)\n"
        "sys.exit(main(['config', 'show']))"
    )
    done = _python(code)
    assert (done.returncode, done.stderr) == (PIPE_CLOSED, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full: Linux")
@pytest.mark.parametrize("arguments", [["config", "show"], ["config", "show", "--json"]])
def test_a_full_disk_under_stdout_is_said_in_one_line(arguments: list[str]) -> None:
    code = (
        "import os, sys; from clientobs.cli.main import main\n"
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
        f"sys.exit(main({arguments}))"
    )
    done = _python(code)
    assert (done.returncode, done.stderr.count("\n")) == (WRONG, 1)
    assert "can't be written (No space left on device)" in done.stderr


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_settings_show_no_credential_among_the_resource_attributes(
    form: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "api_key=planted,note=pwd%3Dplanted,team=fx")
    assert main(["config", "show", *form]) == DONE
    told = capsys.readouterr().out
    assert "planted" not in told
    assert "resource.api_key" in told
    assert "fx" in told


def test_a_command_loads_neither_the_others_nor_rich_when_piped() -> None:
    code = (
        "import sys; from clientobs.cli.main import main\n"
        "main(['config', 'show', '--set'])\n"
        "loaded = [name for name in sys.modules if name.startswith(('clientobs.cli.', 'rich'))]\n"
        "print(sorted(loaded), file=sys.stderr)"
    )
    done = _python(code)
    loaded = done.stderr
    assert "clientobs.cli.config" in loaded
    assert "rich" not in loaded
    assert "clientobs.cli.show" not in loaded


def test_config_show_gives_every_value_with_its_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "studio.toml"
    file.write_text('profile = "minimal"\n[delivery]\nheaders = { authorization = "Bearer s3cret" }\n'
                    'endpoint = "http://otel.studio:4318"\n')  # fmt: skip
    monkeypatch.setenv("CLIENTOBS_CONFIG", str(file))
    assert main(["config", "show", "--json"]) == DONE
    out = capsys.readouterr().out
    settings = json.loads(out)["settings"]
    assert settings["profile"] == {"value": "minimal", "source": "file", "where": f"{file}:1"}
    assert settings["drain.mode"] == {"value": "off", "source": "environment", "where": "CLIENTOBS_DRAIN"}
    assert settings["limits.text_length"]["source"] == "default"
    assert "s3cret" not in out
    assert main(["config", "show"]) == DONE
    assert any(
        line.split() == ["profile", "minimal", f"{file}:1"] for line in capsys.readouterr().out.splitlines()
    )


def test_config_show_shows_all_that_is_wrong_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "studio.toml"
    file.write_text('profil = "minimal"\n[journal]\nbulk_bytes = "much"\n')
    monkeypatch.setenv("CLIENTOBS_CONFIG", str(file))
    assert main(["config", "show"]) == USAGE
    out = capsys.readouterr().out
    assert "profil" in out
    assert f"{file}:3" in out
