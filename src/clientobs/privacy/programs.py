"""Which words of a program's command line are secret: by flag, by place, by what they look like.

A short flag means a password to one program and a port to the next, and some programs take a password without
any flag. So what is judged here is judged by the program: `PROGRAMS` has what each is known for. The walk over the
words of a command is in `commands.py`; long flags are judged by their name (`keys.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from clientobs._patterns import pattern

__all__ = ["AS_ARGUMENTS", "CONTAINERS", "LOGIN", "NOTHING", "NO_FLAGS", "PROGRAMS", "STEMS", "Flags"]


class Flags(NamedTuple):
    """Where the secrets of one program stand."""

    glued: tuple[str, ...] = ()
    """Flags with the value in the same word: -pX."""
    next: tuple[str, ...] = ()
    """Flags, and plain words, whose value is the word after it."""
    switches: str = ""
    """Letters that may stand before such a flag, in one word: -sSu."""
    operand: Callable[[Sequence[str]], int] | None = None
    """Judges a word by its place: given the command's words up to it, it says where in it the secret begins."""


NOTHING: Final = -1
NO_FLAGS: Final = Flags()
_UNC: Final = ("\\\\", "//")
_DEVICE: Final = pattern(r"(?:[A-Za-z]:|lpt\d|\*)\Z", re.IGNORECASE)
_LOGON: Final = pattern(r"(?:userid=)?[\w.$#\[\]-]{1,128}/(?=[^@\s/])", re.IGNORECASE)
_MOUNTED: Final = pattern(r"(?:[^=,]{0,64}=[^,]{0,512},){0,16}?(?:pass=|(?:user|username)=[^,%]{1,256}%)")


def _net(line: Sequence[str]) -> int:
    r"""`net use P: \\nas\show X /user:ron`, `net user ron X`."""
    verb, word = line[0].lower(), line[-1]
    if word.startswith("/") or word == "*":
        return NOTHING
    if verb == "use" and not word.startswith(_UNC) and not _DEVICE.match(word):
        share = next((at for at, before in enumerate(line[:-1]) if before.startswith(_UNC)), 0)
        between = line[share + 1 : -1] if share else (word,)
        return 0 if all(before.startswith("/") for before in between) else NOTHING
    plain = [each for each in line[1:] if not each.startswith("/")]
    return 0 if verb == "user" and len(plain) == 2 else NOTHING  # noqa: PLR2004  # name, password


def _htpasswd(line: Sequence[str]) -> int:
    """`htpasswd -b FILE USER X`, `htpasswd -nb USER X`."""
    letters = "".join(word[1:] for word in line if word.startswith("-"))
    if "b" not in letters or line[-1].startswith("-"):
        return NOTHING
    plain = [word for word in line if not word.startswith("-")]
    return 0 if len(plain) > 2 - ("n" in letters) else NOTHING


def _logon(line: Sequence[str]) -> int:
    """`sqlplus ron/X@db`."""
    found = _LOGON.match(line[-1])
    return found.end() if found else NOTHING


def _behind_a_share(line: Sequence[str]) -> int:
    """`smbclient //nas/show X`."""
    return 0 if len(line) > 1 and line[-2].startswith(_UNC) and not line[-1].startswith("-") else NOTHING


def _first(line: Sequence[str]) -> int:
    """`ConvertTo-SecureString X -AsPlainText`, `ConvertTo-SecureString -String X`."""
    first = len(line) == 1 or line[-2].lower() == "-string"
    return 0 if first and not line[-1].startswith(("-", "$")) else NOTHING


def _mount(line: Sequence[str]) -> int:
    """`mount -o user=ron,pass=X`, `mount -o user=ron%X`."""
    found = _MOUNTED.match(line[-1])
    return found.end() if found else NOTHING


CONTAINERS: Final = Flags(next=("--password",))  # and -p after `login`: elsewhere it is a port
LOGIN: Final = Flags(next=("-p",))
_KEYSTORES: Final = ("-storepass", "-keypass", "-srcstorepass", "-deststorepass", "-new")
_ORACLE: Final = Flags(operand=_logon)

PROGRAMS: Final[dict[str, Flags]] = {
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb"), Flags(glued=("-p",))),
    **dict.fromkeys(("7z", "7za", "7zz", "7zr", "rar", "unrar"), Flags(glued=("-p",))),
    **dict.fromkeys(("plink", "pscp", "psftp", "putty"), Flags(next=("-pw",))),
    **dict.fromkeys(("mongo", "mongosh", "mongodump", "mongorestore"), Flags(("-p",), ("-p",))),
    **dict.fromkeys(("ldapsearch", "ldapmodify", "ldapadd", "ldapwhoami"), Flags(("-w",), ("-w",), "xLZcvn")),
    "smbclient": Flags(("-U",), ("-U", "--user"), operand=_behind_a_share),
    "rpcclient": Flags(("-U",), ("-U", "--user")),
    "zip": Flags(("-P",), ("-P",), "rqjuemTyo0123456789"),
    "unzip": Flags(("-P",), ("-P",), "qojxnutfvC"),
    "sqlcmd": Flags(("-P",), ("-P",)),
    **dict.fromkeys(("docker", "podman"), CONTAINERS),
    "curl": Flags(
        ("-u", "-U"),
        ("-u", "-U", "-b", "--user", "--proxy-user", "--pass", "--proxy-pass"),
        "sSfLkIivgGnNOJRaqp#0123456",
    ),
    "sshpass": Flags(("-p",), ("-p",), "v"),
    "redis-cli": Flags(next=("-a", "--pass")),
    "p4": Flags(("-P",), ("-P",)),
    **dict.fromkeys(("keytool", "jarsigner"), Flags(next=_KEYSTORES)),
    **dict.fromkeys(("wlfreerdp", "sdl-freerdp", "xfreerdp"), Flags(glued=("/p:",))),
    "signtool": Flags(next=("/p",)),
    "osslsigncode": Flags(next=("-pass",)),
    "schtasks": Flags(next=("/p", "/rp")),
    "security": Flags(next=("-w", "-p")),
    "etcdctl": Flags(next=("--user",)),
    "vault": Flags(next=("login",)),
    "psexec": Flags(next=("-p",)),
    "cpau": Flags(next=("-p",)),
    "lftp": Flags(next=("-u",)),
    **dict.fromkeys(("ncftpput", "ncftpget"), Flags(("-p",), ("-p",))),
    "openssl": Flags(next=("-passin", "-passout", "-pass", "-k", "-K")),
    "ssh-keygen": Flags(next=("-N", "-P")),
    "cmdkey": Flags(glued=("/pass:",)),
    "htpasswd": Flags(operand=_htpasswd),
    **dict.fromkeys(("sqlplus", "sqlldr"), _ORACLE),
    "rclone": Flags(next=("obscure", "pass")),
    "mosquitto_pub": Flags(("-P",), ("-P",)),
    "ipmitool": Flags(("-P",), ("-P",)),
    **dict.fromkeys(("snmpget", "snmpwalk", "snmpset"), Flags(("-A", "-X"), ("-A", "-X"))),
    **dict.fromkeys(("mount", "mount.cifs", "mount_smbfs"), Flags(operand=_mount)),
    **dict.fromkeys(("net use", "net.exe use"), Flags(operand=lambda line: _net(["use", *line]))),
    **dict.fromkeys(("net user", "net.exe user"), Flags(operand=lambda line: _net(["user", *line]))),
    "convertto-securestring": Flags(operand=_first),
}
STEMS: Final = (
    *("mysql", "mariadb", "7z", "rar", "plink", "pscp", "psftp", "putty", "mongo", "ldap", "sshpass", "curl", "zip"),
    *("client", "redis-cli", "sqlcmd", "p4", "psexec", "cpau", "lftp", "ncftp", "openssl", "freerdp", "docker"),
    *("podman", "keytool", "signer", "signtool", "osslsigncode", "schtasks", "security", "etcdctl", "vault"),
    *("ssh-keygen", "cmdkey", "htpasswd", "sqlplus", "sqlldr", "rclone", "mosquitto", "ipmitool"),
    *("snmp", "mount", "net use", "net.exe", "net', 'use", 'net", "use', "securestring"),
)  # fmt: skip
"""A piece of each program's name: the prefilter."""

AS_ARGUMENTS: Final[dict[str, Flags]] = {
    **PROGRAMS,
    "az": Flags(next=("-p",)),
    "net": Flags(operand=_net),
    "net1": Flags(operand=_net),
    **dict.fromkeys(("exp", "imp", "expdp", "impdp", "rman"), _ORACLE),
}
"""The same, and those whose names are in half of all texts: known where the words of a command are known."""
