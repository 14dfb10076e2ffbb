"""What is recorded of people and production, and what never is.

`redaction` cleans every record before it reaches the disk; `keys`, `tokens`, `texts` and `commands` are its
rules, `plain` makes odd values plain. `pseudonym` stands in for a person, `environment` picks the variables that
may be recorded, `inventory` and `policy` say in words what is known of an artist.
"""
