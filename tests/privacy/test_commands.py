"""Command lines: flags by their name, short flags by the program."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientobs.privacy.commands import scrub_arguments, scrub_commands
from clientobs.privacy.keys import MARKER, KeyRules
from clientobs.privacy.texts import TextRules, may_hold_secret
from support.planted import leaks, plain_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = KeyRules()
TEXTS = TextRules(RULES)
S = "hunter2"
WRITTEN: tuple[Callable[[list[str]], str], ...] = (
    " ".join,
    shlex.join,
    repr,
    json.dumps,
    subprocess.list2cmdline,
)
"""How tools write a command line into a log, and Python into the text of an error."""


def in_text(text: str) -> str:
    """Return a text as the redactor leaves it: by its rules, where the look ahead of them lets it through."""
    return TEXTS.scrub(text) if may_hold_secret(text) else text


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
    ["net", "use", "P:", r"\\nas\show", S, "/user:studio\\ron", "/persistent:no"],
    ["net", "use", r"\\nas\show", "/user:ron", S],
    ["net.exe", "user", "ron", S, "/add"],
    ["runas", "/user:ron", f"net use P: \\\\nas\\show {S}"],
    ["lsrunas", "/user:ron", f"/password:{S}", "/command:maya.exe"],
    ["cpau", "-u", "ron", "-p", S, "-ex", "maya.exe"],
    ["tool.exe", "/password", S],
    ["cmdkey", "/add:nas", "/user:ron", f"/pass:{S}"],
    ["setx", "FTRACK_API_KEY", S],
    ["sc", "create", "spooler", "obj=", "ron", "password=", S],
    ["powershell", "-Command", f"ConvertTo-SecureString '{S}' -AsPlainText"],
    ["htpasswd", "-b", "/etc/nginx/users", "ron", S],
    ["htpasswd", "-bc", "/etc/nginx/users", "ron", S],
    ["htpasswd", "-nbB", "ron", S],
    ["sqlplus", f"ron/{S}@farm"],
    ["sqlplus", "-S", f"ron/{S}@//db:1521/farm", "@report.sql"],
    ["expdp", f"userid=ron/{S}", "directory=dumps"],
    ["imp", f"ron/{S}@farm", "file=shots.dmp"],
    ["lftp", f"ron:{S}@nas"],
    ["wget", f"ron:{S}@nas.example:8080/plate.exr"],
    ["ssh-copy", f"svc_render:{S}@10.0.0.7:/mnt"],
    ["tool", "--user", f"ron:{S}"],
    ["curl", "-sSu", f"ron:{S}", "https://nas.example"],
    ["curl", f"-fsu{'ron:'}{S}"],
    ["zip", "-rP", S, "scenes.zip", "scenes"],
    ["zip", "-P", S, "scenes.zip"],
    ["unzip", f"-P{S}", "scenes.zip"],
    ["mount", "-t", "cifs", "//nas/show", "/mnt", "-o", f"username=ron,password={S}"],
    ["mount.cifs", "//nas/show", "/mnt", "-o", f"user=ron,pass={S}"],
    ["mount", "-o", f"user=ron%{S}", "//nas/show"],
    ["mount", "-o", f"password={S},user=ron%{S}", "//nas/show"],
    ["smbclient", "//nas/show", S, "-W", "studio"],
    ["ssh-keygen", "-t", "ed25519", "-N", S],
    ["openssl", "enc", "-K", S],
    ["mosquitto_pub", "-u", "ron", "-P", S],
    ["ipmitool", "-H", "node7", "-P", S],
    ["ncftpput", "-u", "ron", "-p", S, "nas"],
    ["snmpget", "-A", S, "node7"],
    ["rclone", "obscure", S],
    ["aws", "configure", "set", "aws_secret_access_key", S],
    ["http", "GET", "nas.example", f"Authorization:Bearer {S}"],
    ["curl", "--header", f"Authorization: token {S}"],
    ["tool", "--header", f"PRIVATE-TOKEN: {S}"],
    ["tool", "--header", f"X-Auth-Token: {S}"],
    ["ffmpeg", "-headers", f"Authorization: Basic {S}\r\n", "-i", "https://nas/x.mov"],
    ["tool", "--config", f'{{"user": "ron", "password": "{S}"}}'],
    ["tool", f"{{'user': 'ron', 'api_key': '{S}'}}"],
    ["tool", f"{{user: ron, password: {S}}}"],
    ["tool", f"user: ron\npassword: {S}\nframes: 1-10"],
    ["tool", f'{{"env": [{{"name": "FTRACK_API_KEY", "value": "{S}"}}]}}'],
    ["tool", f"https://ron:{S}@nas.example/x"],
    ["tool", f"nas.example/x?frame=7&access_token={S}&y=1"],
    ["tool", f"https://nas.example/x?api-key={S}"],
    ["tool", f"https://nas.example/x?X-Amz-Security-Token={S}&X-Amz-Signature={S}"],
    ["docker", "run", "-e", f"AYON_API_KEY={S}", "farm"],
    ["docker", "run", f"--env=KITSU_PWD={S}", "farm"],
    ["python", "-c", f"import gazu; gazu.log_in('ron@studio.example', '{S}')"],
    ["python", "-c", f"sg = Shotgun('https://studio', 'publisher', '{S}')"],
    ["sh", "-c", f"echo {S} | sudo -S mount /mnt"],
    ["sh", "-c", f"echo '{S}' | docker login -u ron --password-stdin"],
    ["csh", "-c", f"setenv FTRACK_API_KEY {S}"],
    ["bash", "-c", f"export KITSU_PWD='{S}'; render"],
    *([name, "-e", f"{variable}={S}"] for name, variable in (
        ("aws", "AWS_SECRET_ACCESS_KEY"), ("aws", "AWS_SESSION_TOKEN"), ("gcloud", "GOOGLE_API_KEY"),
        ("gcloud", "GCP_SERVICE_ACCOUNT_KEY"), ("az", "AZURE_CLIENT_SECRET"), ("az", "AZURE_STORAGE_KEY"),
        ("az", "AZURE_STORAGE_SAS_TOKEN"), ("gh", "GITHUB_TOKEN"), ("gh", "GH_TOKEN"),
        ("slack", "SLACK_BOT_TOKEN"), ("sg", "SHOTGUN_SCRIPT_KEY"), ("sg", "SHOTGRID_API_KEY"), ("sg", "SG_KEY"),
        ("tk", "SGTK_CONTEXT"), ("tk", "TANK_CONTEXT"), ("tk", "SHOTGUN_DESKTOP_CURRENT_USER"),
        ("ftrack", "FTRACK_API_KEY"), ("kitsu", "KITSU_PWD"), ("kitsu", "KITSU_PASSWORD"),
        ("ayon", "AYON_API_KEY"), ("openpype", "OPENPYPE_MONGO"),
    )),
)  # fmt: skip
AS_ARGUMENTS_ONLY = ("az", "vault", "rclone", "imp", "expdp")
"""Names that are in too many texts: known where the words of a command are known."""
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
    ["net", "use", "P:", "\\\\nas\\show", "*", "/persistent:no"],
    ["net", "use", "P:", "/delete"],
    ["runas", "/user:studio\\ron", "/savecred", "maya.exe"],
    ["htpasswd", "-c", "/etc/nginx/users", "ron"],
    ["sqlplus", "/nolog", "@/mnt/tools/report.sql"],
    ["sqlplus", "ron@farm"],
    ["git", "clone", "git@github.com:studio/tools.git"],
    ["scp", "ron@nas:/mnt/plate.exr", "node7:/tmp"],
    ["docker", "run", "--user", "1000:1000", "alpine:3.18@sha256:0a4eaa0eecf5"],
    ["tool", "--user", "ron", "--user", "1000:100"],
    ["npm", "install", "react:next@18.2", "npm:react@next"],
    ["mail", "-s", "author:ron@studio.example", "to:ron@studio.example"],
    ["usdcat", "subLayers = [@./shot.usd@, @set:dressing.usd@]"],
    ["zip", "-rq", "P.zip", "scenes"],
    ["curl", "-sSf", "https://nas.example/u:v"],
    ["tool", "--key_light", "3", "--pass_beauty", "on", "--render_pass", "beauty", "password_reset_ui.py"],
    ["python", "keyframe.py", "monkey", "turkey", "session", "author", "passes", "token_ring.ma"],
    ["rez-env", "maya-2025", "REZ_USED_RESOLVE=maya-2025 ftrack_api-2.5", "DEADLINE_TASK_ID=task-7"],
    ["git", "config", "user.name", "ron"],
    ["mount", "-o", "username=ron,vers=3.0,uid=1000", "//nas/show", "/mnt"],
    [],
    [""],
)


PIECES = (
    "net",
    "use",
    r"\\nas\show",
    "htpasswd",
    "-b",
    "sqlplus",
    "ron/x@db",
    "ron:x@nas",
    "zip",
    "-rP",
    "mount",
    "'",
)


@pytest.mark.parametrize("words", SECRET, ids=" ".join)
def test_the_secret_of_a_command_line_is_replaced_and_nothing_else(words: list[str]) -> None:
    clean = scrub_arguments(words, RULES, TEXTS.scrub)
    assert S not in " ".join(clean)
    assert [word for word in clean if MARKER not in word] == [word for word in words if S not in word]


@pytest.mark.parametrize("words", INNOCENT, ids=" ".join)
def test_a_command_line_without_a_secret_stays_as_it_is(words: list[str]) -> None:
    assert scrub_arguments(words, RULES, TEXTS.scrub) == words
    for write in WRITTEN:
        assert in_text(write(words)) == write(words)


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


@pytest.mark.parametrize("mark", ["'", '"'])
def test_an_open_quote_hides_no_command_of_the_lines_behind_it(mark: str) -> None:
    text = f"the net use of memory it{mark}s\nmysql -u root -pZq90000007Qz production\nso it{mark}s"
    assert in_text(text) == text.replace("Zq90000007Qz", MARKER)


def test_the_name_of_a_secret_that_somebody_searches_for_is_no_flag() -> None:
    words = ["grep", "-rn", "api_key", "tools/"]
    assert scrub_arguments(words, RULES, TEXTS.scrub) == words


@given(
    st.lists(st.text(), max_size=6), st.sampled_from(SECRET), plain_secrets(), st.lists(st.text(), max_size=6)
)
def test_no_words_around_it_hide_a_secret(
    before: list[str], words: list[str], secret: str, after: list[str]
) -> None:
    planted = [word.replace(S, secret) for word in words]
    clean = " ".join(scrub_arguments([*before, "-v", *planted, *after], RULES, TEXTS.scrub))
    assert not leaks(secret, clean, *before, *words, *after)


@given(st.sampled_from([line for line in SECRET if line[0] not in AS_ARGUMENTS_ONLY]), plain_secrets())
def test_no_way_to_write_a_command_line_into_a_text_hides_a_secret(words: list[str], secret: str) -> None:
    planted = [word.replace(S, secret) for word in words]
    for write in WRITTEN:
        assert not leaks(secret, in_text(f"Running: {write(planted)}\nok"), *words)
        assert not leaks(
            secret, in_text(f"Command '{write(planted)}' returned non-zero exit status 1."), *words
        )


@given(
    st.lists(
        st.one_of(st.text(), st.sampled_from(["--password", "mysql", "-p", "curl", "-u", "login", *PIECES]))
    )
)
def test_what_was_cleaned_once_is_clean(words: list[str]) -> None:
    once = scrub_arguments(words, RULES, TEXTS.scrub)
    assert scrub_arguments(once, RULES, TEXTS.scrub) == once


@given(
    st.lists(st.one_of(st.text(alphabet=st.characters()), st.sampled_from(PIECES))), st.sampled_from(WRITTEN)
)
def test_nothing_that_a_command_line_holds_raises(
    words: list[str], write: Callable[[list[str]], str]
) -> None:
    odd = [*words, "\udcff", "\0", "\ud800:\udfff@nas"]
    assert len(scrub_arguments(odd, RULES, TEXTS.scrub)) == len(odd)
    once = TEXTS.scrub(write(odd))
    assert TEXTS.scrub(once) == once
