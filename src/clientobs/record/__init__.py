"""What user code calls: spans, events, metrics, the production context and the carrier."""
