"""Secrets as they are met in the wild, to plant anywhere; and innocent words of the trade.

`FORMS` are templates with a `{}` for a secret of our choosing; `tokens()` draws secrets that are known by their
looks. Used wherever a test must show that nothing of a secret reaches a disk or a wire.
"""

from __future__ import annotations

import base64
import string

from hypothesis import strategies as st

FORMS = (
    "password={}",
    "password: {}",
    'password="{}"',
    "password = '{}'",
    '{{"password": "{}", "user": "ron"}}',
    "{{'db.passwd': '{}', 'user': 'ron'}}",
    r"{{\"password\": \"{}\", \"user\": \"ron\"}}",
    '{{"auth": {{"client_secret": "{}"}}, "x": 1}}',
    '{{"tokens": 3, "api_key": ["{}", "other"]}}',
    "b'token={}'",
    "--password {}",
    "--password={}",
    "--db-password '{}'",
    "tool --api-key {} --frames 1001-1010",
    "['tool', '--password', '{}']",
    "('password', '{}')",
    "mysql -u root -p{} production",
    "sshpass -p {} ssh nas",
    "sudo curl -u ron:{} https://nas.example/x",
    "C:/tools/plink.exe -pw {} nas",
    "docker login -u ron -p {} registry.example",
    "https://ron:{}@nas.example/share",
    "mongodb://ron:{}@db.example:27017/avalon",
    "//ron:{}@nas.example/share",
    "https://nas.example/x?frame=1&token={}&y=2",
    "https://nas.example/x?sig={}",
    "https://nas.example/x#access_token={}",
    "Authorization: Bearer {}",
    "curl -H 'Authorization: Basic {}' https://nas.example",
    "X-Api-Key: {}",
    "Cookie: sessionid={}; theme=dark",
    "export AYON_API_KEY={}",
    "set FTRACK_API_KEY={}",
    "KITSU_PWD={}",
    "OPENPYPE_MONGO=mongodb://{}",
    "SGTK_CONTEXT={}",
    "TANK_CONTEXT={}",
    "<password>{}</password>",
    '<add key="password" value="{}"/>',
    '[{{"name": "API_KEY", "value": "{}"}}]',
    "os.environ['KITSU_PWD'] = '{}'",
    "Server=db;Uid=sa;Pwd={};Timeout=3",
    "api key: {}",
    "invalid password: {}",
    "refreshToken => {}",
    "net use P: \\\\nas\\show {} /user:ron",
    "htpasswd -b /etc/users ron {}",
    "sqlplus -S ron/{}@farm",
    "rsync of ron:{}@nas.example/share failed",
    "tool --user ron:{} --frames 1-10",
    "curl -sSu ron:{} https://nas.example/x",
    "zip -rP {} scenes.zip",
    "Command '['mysql', '-u', 'root', '-p{}']' returned non-zero exit status 1.",
    '["curl", "-u", "ron:{}"]',
    "setenv FTRACK_API_KEY {}",
    "setx KITSU_PWD {} /M",
    "AYON_API_KEY                   {}\nAYON_APP_NAME                  maya",
    "$env:FTRACK_API_KEY = '{}'",
    "tool.exe /password {} /frames 1",
    "gazu.log_in('ron@studio.example', '{}')",
    'sg = Shotgun("https://studio.example", "publisher", "{}")',
    "echo {} | sudo -S mount /mnt",
    "sh -c 'export KITSU_PWD='\"'\"'{}'\"'\"'; render'",
    "SHOTGUN_DESKTOP_CURRENT_USER={}",
    "AccountName=studio;AccountKey={};EndpointSuffix=core",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n{}",
)

INNOCENT_WORDS = (
    *("keyframe", "keyer", "key", "keys", "session", "author", "passes", "pass", "token_ring.ma", "monkey"),
    *("hotkey", "passport", "render pass", "compass", "bypass", "beauty_pass", "shape_key", "tokenizer"),
    *(
        "secretary",
        "authored",
        "authority",
        "basic animation",
        "bearer of the ring",
        "Bearer authentication",
        "cookieCutter",
        "sign",
    ),
    *(
        "signature",
        "design",
        "turkey",
        "donkey_rig",
        "keyLight",
        "max_tokens",
        "passthrough",
        "password_file",
    ),
    *("key_count", "session.id", "sessions", "user", "cred_roll", "credits", "PWD=/mnt/show/seq010", "ok"),
    *("keyJointLeft.rotateX", "lighs_", "opacity", "/mnt/show/seq010/sh0010/comp_v012.nk", "P:/show/x.ma"),
    *("http://nas:8080/a@b", "ssh://git@github.example/x", "12:30", "frame=1001", "v001", "{root}/sq010"),
    *(
        "key_light",
        "pass_beauty",
        "render_pass",
        "password_reset_ui.py",
        "to:ron@studio.example",
        "npm:react@next",
    ),
    *(
        "image:tag@sha256:0a4e",
        "git@github.com:studio/tools",
        "the net use of memory",
        "log in (as ron)",
        "zip -rq a b",
    ),
    *("spawned 3 tasks -p 4", "mail@studio.example", "100%", "a > b", "it's", '"quoted"', "x=1&y=2"),
)

_PLAIN = string.ascii_letters + string.digits
_WITH_SIGNS = _PLAIN + "!#*-_+~.%/@&;,^äß漢"


def secrets(alphabet: str = _WITH_SIGNS) -> st.SearchStrategy[str]:
    """Passwords that nothing but their place gives away; they begin so that no innocent text holds them."""
    return st.text(alphabet=alphabet, min_size=6, max_size=40).map(lambda tail: "Zq9" + tail + "7Qz")


def plain_secrets() -> st.SearchStrategy[str]:
    """Passwords of letters and digits: for forms in which a sign would end them."""
    return secrets(_PLAIN)


def tokens() -> st.SearchStrategy[str]:
    """Secrets that are known by their looks."""
    body = st.text(alphabet=_PLAIN, min_size=40, max_size=60)
    upper = st.text(alphabet=string.ascii_uppercase + string.digits, min_size=16, max_size=16)
    return st.one_of(
        st.tuples(
            st.sampled_from(
                (
                    "ghp_",
                    "gho_",
                    "ghs_",
                    "github_pat_11",
                    "glpat-",
                    "glsa_",
                    "glc_",
                    "npm_",
                    "hf_",
                    "GOCSPX-",
                    "aZ78Q~",
                )
            ),
            body,
        ).map("".join),
        st.tuples(
            st.sampled_from(("xoxb-12-", "xoxp-34-", "xapp-1-", "AIza", "ya29.", "hvs.", "pypi-")), body
        ).map("".join),
        st.tuples(st.sampled_from(("AKIA", "ASIA")), upper).map("".join),
        st.tuples(body, body).map(lambda parts: f"eyJhbGci{parts[0]}.eyJzdWIi{parts[1]}.c2lnbmF0dXJl"),
        body.map(lambda text: "Bearer 7" + text),
        body.map(lambda text: "Basic " + base64.b64encode(f"ron:{text}".encode()).decode()),
        body.map(lambda text: "https://hooks.slack.com/services/T0/B0/" + text),
    )


def innocent_texts() -> st.SearchStrategy[str]:
    """Sentences of the trade's words, joined as tools join them."""
    words = st.lists(st.sampled_from(INNOCENT_WORDS), min_size=1, max_size=8)
    return st.tuples(words, st.sampled_from((" ", ", ", "\n", " | ", " = 12 ", ": 7, "))).map(
        lambda drawn: drawn[1].join(drawn[0])
    )


def leaks(secret: str, clean: str, *around: str, size: int = 8) -> set[str]:
    """Return the pieces of a secret that are in a cleaned text and came from nowhere else."""
    pieces = {secret[start : start + size] for start in range(max(1, len(secret) - size + 1))}
    return {piece for piece in pieces if piece in clean and not any(piece in text for text in around)}
