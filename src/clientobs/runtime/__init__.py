"""The composition root: builds the parts from a Config and holds the one active Runtime."""
