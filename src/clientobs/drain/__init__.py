"""The drain: a process of its own that recovers, aggregates and delivers what journals hold."""
