"""Command lines: flags by their name, short flags by the program."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.privacy.commands import scrub_arguments, scrub_commands
from clientobs.privacy.keys import MARKER, KeyRules
from support.planted import leaks, plain_secrets

RULES = KeyRules()
S = "hunter2"

SECRET = (
    ["tool", "--password", S],
    ["tool", f"--password={S}"],
    ["tool", "-password", S],
    ["tool", "--db-password", S, "--frames", "1-10"],
    ["tool", f"--api_key={S} with spaces and 'quotes'"],
    ["tool", f"-Dftrack.api_key={S}"],
    ["env", f"AYON_API_KEY={S}", "maya"],
    ["curl", "-H", f"Authorization: Bearer {S}"],
    ["/usr/bin/curl", "-u", f"ron:{S}"],
    ["curl", f"-uron:{S}"],
    ["curl", f"--user=ron:{S}"],
    ["mysql", f"-p{S}", "production"],
    ["sudo", "-n", "mysqldump", f"-p{S}"],
    ["sshpass", "-p", S, "ssh", "nas"],
    ["sshpass", f"-p{S}", "ssh", "nas"],
    ["C:\\tools\\PLINK.EXE", "-pw", S, "nas"],
    ["docker", "login", "-u", "ron", "-p", S],
    ["docker", "exec", "db", "mysql", f"-p{S}"],
    ["7z", "x", f"-p{S}", "scenes.7z"],
    ["redis-cli", "-a", S],
    ["smbclient", "-U", f"ron%{S}", "//nas/share"],
    ["openssl", "rsa", "-passin", f"pass:{S}"],
    ["p4", f"-P{S}", "sync"],
    ["keytool", "-list", "-storepass", S],
    ["jarsigner", "-keypass", S, "plugin.jar"],
    ["signtool", "sign", "/f", "cert.pfx", "/p", S, "plugin.dll"],
    ["osslsigncode", "-pass", S, "plugin.dll"],
    ["schtasks", "/create", "/rp", S],
    ["security", "add-generic-password", "-a", "ron", "-w", S],
    ["etcdctl", "--user", f"root:{S}", "get", "shot"],
    ["az", "login", "-u", "ron", "-p", S],
    ["vault", "login", S],
    ["wlfreerdp", "/u:ron", f"/p:{S}"],
    ["env", f"FTRACK_API_KEY={S}", f"KITSU_PWD={S}", f"OPENPYPE_MONGO={S}", "maya"],
    ["sgtk", "--script-key", S],
)
INNOCENT: tuple[list[str], ...] = (
    ["docker", "run", "-p", "8080:80", "image"],
    ["nuke", "-x", "-p", "4", "comp.nk"],
    ["Render", "-r", "arnold", "-s", "1001", "-e", "1010", "-pass", "beauty", "scene.ma"],
    ["mysql", "-u", "root", "--port", "3306", "production"],
    ["mysql", "-p", "production"],
    ["maya", "-batch", "-command", "setKeyframe", "-file", "P:/show/token_ring.ma"],
    ["hython", "--keyframe", "12", "--author", "ron", "--passes=3"],
    ["tool", "--token", "--verbose"],
    ["tool", "--keyer", "ibk", "--session", "4", "--compass", "n", "--keypoints", "f.json", "-key", "red"],
    ["oiiotool", "token_ring.ma", "-p", "4", "-w", "1920", "--passes", "beauty,depth", "--tokens", "5"],
    ["net", "use", "P:", "\\\\nas\\show"],
    [],
    [""],
)


@pytest.mark.parametrize("words", SECRET, ids=" ".join)
def test_the_secret_of_a_command_line_is_replaced_and_nothing_else(words: list[str]) -> None:
    clean = scrub_arguments(words, RULES, str)
    assert S not in " ".join(clean)
    assert [word for word in clean if MARKER not in word] == [word for word in words if S not in word]


@pytest.mark.parametrize("words", INNOCENT, ids=" ".join)
def test_a_command_line_without_a_secret_stays_as_it_is(words: list[str]) -> None:
    assert scrub_arguments(words, RULES, str) == words


@pytest.mark.parametrize("words", [line for line in SECRET if "mysql" in line[0]], ids=" ".join)
def test_a_program_is_known_inside_a_text_as_well(words: list[str]) -> None:
    text = f"Running: {' '.join(words)}\nok -p4"
    assert scrub_commands(text, text.lower()) == text.replace(S, MARKER)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("mysql -p'two words' db", f"mysql -p{MARKER} db"),
        ('"C:/tools/plink.exe" -pw "two words" nas', f'"C:/tools/plink.exe" -pw "{MARKER}" nas'),
        ("curl -u ron:x; render -u 5", f"curl -u {MARKER} render -u 5"),
        ("curl -u ron:x | grep -u 5", f"curl -u {MARKER} | grep -u 5"),
        ("curl noise\n-u 5", "curl noise\n-u 5"),
        ("unzip scenes.zip -d /mnt", "unzip scenes.zip -d /mnt"),
        ("mysql", "mysql"),
    ],
)
def test_a_command_ends_where_the_shell_ends_it(text: str, clean: str) -> None:
    assert scrub_commands(text, text.lower()) == clean


@given(
    st.lists(st.text(), max_size=6), st.sampled_from(SECRET), plain_secrets(), st.lists(st.text(), max_size=6)
)
def test_no_words_around_it_hide_a_secret(
    before: list[str], words: list[str], secret: str, after: list[str]
) -> None:
    planted = [word.replace(S, secret) for word in words]
    clean = " ".join(scrub_arguments([*before, "-v", *planted, *after], RULES, str))
    assert not leaks(secret, clean, *before, *words, *after)


@given(st.lists(st.one_of(st.text(), st.sampled_from(["--password", "mysql", "-p", "curl", "-u", "login"]))))
def test_what_was_cleaned_once_is_clean(words: list[str]) -> None:
    once = scrub_arguments(words, RULES, str)
    assert scrub_arguments(once, RULES, str) == once
