"""Pieces of text that, repeated, lead a careless pattern to look at everything again and again."""

from __future__ import annotations

__all__ = ["PIECES", "WORST"]

WORST = (
    'log_in("' + "a" * 40 + "\n",
    "token=&",
    "token=\\",
    "'mysql', '-p', ",
    "aKEY",
    " ron:(",
    "net use \\\\nas\\x ",
    "login('ron', '",
    "\nA_TOKEN      ",
)
"""Those that take the longest, and one of each kind."""

PIECES = (
    *WORST,
    "a",
    "password",
    "password=",
    "password   ",
    "password='",
    'password=\\"',
    "password=[",
    'password=["',
    "token=&&&&&&&&&&&&&&&&",
    "//ron:",
    "//@",
    "://a:b",
    "http://ron:pw",
    "eyJ",
    "eyJaaaaaaaa.",
    "AKIA",
    "ghp_",
    "xoxb-",
    "SG.aaaaaaaaaaaaaaaa",
    "sk-aA1",
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY------",
    "Bearer ",
    "Basic aaaa",
    "mysql -p ",
    "curl -u '",
    "ron:pw@",
    "(ron:pw@nas",
    "login('\\'",
    "echo x | ",
    "--user a:",
    "'curl', '\\",
    "sqlplus a/",
    "mount a=b,",
    "setenv A_KEY ",
    "'\"'\"'",
    "<password>",
    "a.b-c_key.",
    "Cookie: a=",
    'Authorization: "',
    "pässwörd token=ä",
)
