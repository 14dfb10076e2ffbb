"""Fixtures of the drain's tests."""

from support.drain_site import site

__all__ = ["site"]
