"""The metrics of the machine: deltas of all its runs added up, and vitals."""
