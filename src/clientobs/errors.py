"""The exceptions of clientobs, all in one tree.

    ClientobsError
    ├── ConfigError        a wrong argument, option, variable or key of the TOML file
    ├── JournalError       a journal folder or segment that cannot be used
    │   ├── UnsafeHomeError    a folder with a foreign owner, a symlink in its way, or on a network share
    │   ├── NoJournalError     nothing has been recorded on this machine yet
    │   └── BundleError        a bundle that is broken, or not made by clientobs
    └── DeliveryError      the drain cannot reach or use its destination

They are for configuration, the command line, tests and the drain. Inside a host none of them is ever
raised by recording: a wrong argument to `init()` is the one exception, since a programmer made it.
"""

__all__ = [
    "BundleError",
    "ClientobsError",
    "ConfigError",
    "DeliveryError",
    "JournalError",
    "NoJournalError",
    "UnsafeHomeError",
]


class ClientobsError(Exception):
    """Root of the tree: `except ClientobsError` catches all that clientobs raises on purpose."""


class ConfigError(ClientobsError, ValueError):
    """A configuration value is wrong; the message names it, where it stands, and what is accepted."""


class JournalError(ClientobsError):
    """A journal folder or segment cannot be used; the message says which and what to do."""


class UnsafeHomeError(JournalError):
    """A journal folder is refused: foreign owner, open permissions, symlink, or network storage."""


class NoJournalError(JournalError):
    """Nothing has been recorded on this machine yet; the message says where was looked."""


class BundleError(JournalError):
    """A bundle, or another file that is to be read like a journal, is broken or not to be trusted."""


class DeliveryError(ClientobsError):
    """The drain cannot reach or use its destination; the message says what the endpoint answered."""
