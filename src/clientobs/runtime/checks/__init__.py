"""What `clientobs.doctor()` looks at: one module a concern, each yields findings."""
