"""`clientobs demo`: a small publish tool at work on two shots, and the traces that it leaves."""
