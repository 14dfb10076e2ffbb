"""The drain at work: what is sent next, what became of it, and what is said of it."""
