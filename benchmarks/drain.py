"""How many spans a second the drain delivers on one core, and how large its process grows.

    PYTHONPATH=src python benchmarks/drain.py [--spans 50000] [--protocol http/protobuf|grpc]

Spans as a pipeline tool makes them (six attributes of their own, eight of production context, a scope) are
read from journal payloads, encoded, packed and sent to a receiver on loopback that reads every byte and
answers 200. The receiver is a process of its own. CPU seconds count this process alone, so that
"spans a second on one core" doesn't depend on the other cores. The budget is 10,000 spans/s and 60 MB, which
is the peak of this whole process. The stages then show where the time goes, and what two choices save: the
cache of serialized attributes, and the level of gzip.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from typing import TYPE_CHECKING

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from clientobs._ids import ids
from clientobs._loss import LossLedger
from clientobs.config.model import DeliveryConfig, EndpointConfig
from clientobs.drain.batch import Batch, Item
from clientobs.drain.otlp.attributes import AttributeBytes, key_values
from clientobs.drain.otlp.encode import Encoder, assemble
from clientobs.drain.otlp.poison import PoisonShelf
from clientobs.drain.otlp.senders import open_senders
from clientobs.journal.format import Kind, encode_payload
from clientobs.journal.records import ContextRecord, Header, SpanRecord, decode

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 1000
NOW = 1_700_000_000_000_000_000

HTTP_SINK = """
import socket
server = socket.create_server(("127.0.0.1", 0)); print(server.getsockname()[1], flush=True)
connection, _ = server.accept(); stream = connection.makefile("rwb")
while line := stream.readline():
    length = 0
    while (line := stream.readline()) not in (b"\\r\\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length": length = int(value)
    stream.read(length); stream.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n"); stream.flush()
"""
GRPC_SINK = """
import grpc, sys
from concurrent.futures import ThreadPoolExecutor
class Sink(grpc.GenericRpcHandler):
    def service(self, details): return grpc.unary_unary_rpc_method_handler(lambda raw, context: b"")
server = grpc.server(ThreadPoolExecutor(2)); server.add_generic_rpc_handlers((Sink(),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True); server.start(); sys.stdin.read()
"""

HEADER = Header(
    run="c" * 32,
    session="5" * 32,
    lane="bulk",
    number=1,
    pid=4711,
    wall_ns=NOW,
    mono_ns=0,
    resource={f"resource.attribute.{index}": f"value {index}" for index in range(20)},
)
CONTEXTS = {
    1: ContextRecord(
        1,
        "production",
        {
            "production.project": "kestrel",
            "production.sequence": "sq010",
            "production.shot": "sq010_sh0040",
            "production.task": "lighting",
            "production.step": "lgt",
            "tool.name": "publisher",
            "tool.version": "3.2.1",
            "session.id": HEADER.session,
        },
    ),
    2: ContextRecord(2, "scope", {"name": "clientobs.instruments.files", "version": "0.1.0"}),
}


def payloads(count: int) -> list[bytes]:
    """Return span payloads as the pipeline writes them."""
    made = []
    for index in range(count):
        attributes = {
            "file.path": f"/mnt/projects/kestrel/sq010/sh0040/render/beauty.{index % 2000:04d}.exr",
            "file.path.portable": f"{{projects}}/kestrel/sq010/sh0040/render/beauty.{index % 2000:04d}.exr",
            "file.size": ids.below(1 << 24),
            "storage.kind": "nfs",
            "storage.mount": "/mnt/projects",
            "file.ok": True,
        }
        start = NOW + index * 1_000_000
        span = (ids.trace_id(), ids.span_id(), ids.span_id(), "file write", 0, 1, "", 1, 2, start, index)
        made.append(encode_payload((*span, attributes, (), start + 312_345, 0, "", (), None)))
    return made


def batches(records: list[bytes]) -> list[Batch]:
    """Read payloads into batches, as the drain does for each frame."""
    made = []
    for start in range(0, len(records), BATCH):
        items = []
        for index, payload in enumerate(records[start : start + BATCH]):
            record = decode(Kind.SPAN_ENDED, payload)
            if isinstance(record, SpanRecord):
                items.append(Item(header=HEADER, record=record, sequence=start + index, contexts=CONTEXTS))
        made.append(Batch(signal="traces", items=tuple(items)))
    return made


def measure(records: list[bytes], count: int, protocol: str) -> dict[str, float]:
    """Send `count` records, the given ones over and over, and return the figures."""
    sink = subprocess.Popen(
        [sys.executable, "-c", GRPC_SINK if protocol == "grpc" else HTTP_SINK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert sink.stdout is not None
    port = int(sink.stdout.readline())
    url = f"http://127.0.0.1:{port}" + ("" if protocol == "grpc" else "/v1/traces")
    endpoint = EndpointConfig(url=url, protocol=protocol)  # type: ignore[arg-type]  # argparse checked it
    with tempfile.TemporaryDirectory() as folder:
        senders = open_senders(
            DeliveryConfig(traces=endpoint), shelf=PoisonShelf(folder), loss=LossLedger(), proxies={}
        )
        sender = senders["traces"]
        delivered = 0
        wall, cpu = time.perf_counter(), time.process_time()
        while delivered < count:
            start = delivered % len(records)
            (batch,) = batches(records[start : start + BATCH])
            outcome = sender.send(batch)
            assert outcome.verdict == "delivered", outcome
            delivered += outcome.delivered
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        sender.close()
    sink.kill()
    sink.communicate()
    return {
        "spans": delivered,
        "spans_per_second_wall": round(delivered / wall),
        "spans_per_second_one_core": round(delivered / cpu),
        "cpu_us_per_span": round(cpu / delivered * 1e6, 1),
        "process_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def stages(records: list[bytes]) -> dict[str, float]:
    """Return the CPU microseconds of each stage for one span, and what the choices made there save."""
    read = batches(records)
    items = [item for batch in read for item in batch.items]
    encoder = Encoder()
    encoded = [encoder.encode(item) for item in items]
    request = assemble(encoded[:BATCH])
    attributes = [dict(item.record.attributes) for item in items if isinstance(item.record, SpanRecord)]
    cache = AttributeBytes(Span.ATTRIBUTES_FIELD_NUMBER)
    made = {
        "read_us": micros(lambda: batches(records), len(records)),
        "encode_us": micros(lambda: [encoder.encode(item) for item in items], len(items)),
        "assemble_us": micros(lambda: assemble(encoded[:BATCH]), BATCH),
        "attributes_cached_us": micros(lambda: [cache.join(one) for one in attributes], len(items)),
        "attributes_built_us": micros(
            lambda: [Span(attributes=key_values(one)).SerializeToString() for one in attributes], len(items)
        ),
        "bytes_per_span": round(len(request) / BATCH),
    }
    for level in (1, 3, 6):
        pack = functools.partial(zlib.compress, request, level)
        made[f"gzip_{level}_us"] = micros(pack, BATCH)
        made[f"gzip_{level}_bytes_per_span"] = round(len(pack()) / BATCH)
    return made


def micros(work: Callable[[], object], count: int) -> float:
    """Return the CPU microseconds of `work` for one of `count`, the best of three."""
    best = math.inf
    for _ in range(3):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return round(best / count * 1e6, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=50_000)
    parser.add_argument("--protocol", choices=["http/protobuf", "grpc"], default="http/protobuf")
    options = parser.parse_args()
    records = payloads(5 * BATCH)
    figures = measure(records, options.spans, options.protocol) | stages(records)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
