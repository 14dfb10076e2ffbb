"""The settings of clientobs and where each came from: read `model.py` first, then `resolve.py`."""
