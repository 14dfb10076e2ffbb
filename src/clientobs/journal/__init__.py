"""The journal: run folders of append-only segments on local disk; see `format.py` for the bytes."""
