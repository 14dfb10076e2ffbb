"""OpenTelemetry SDK providers whose one processor ends in the journal."""
