"""Delivery over OTLP: records as protobuf, requests over HTTP and gRPC, and what each answer means."""
