"""The version of this distribution, read by the build and by the drain's hand-over."""

__version__ = "0.1.0"
