"""Runs seen from the drain: which there are, what of them still waits, and how the dead ones ended."""
