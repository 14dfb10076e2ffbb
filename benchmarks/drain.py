"""How many spans a second the drain delivers on one core, and how large its process grows.

    PYTHONPATH=src python benchmarks/drain.py [--spans 50000] [--protocol http/protobuf|grpc]

Spans as a pipeline tool makes them (six attributes of their own, eight of production context, a scope) are
read from journal payloads, encoded, packed and sent to a receiver on loopback that reads every byte and
answers 200. The receiver is a process of its own. CPU seconds count this process alone, so that
"spans a second on one core" doesn't depend on the other cores. The budget is 10,000 spans/s and 60 MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time

from clientobs._ids import ids
from clientobs._loss import LossLedger
from clientobs.config.model import DeliveryConfig, EndpointConfig
from clientobs.drain.batch import Batch, Item
from clientobs.drain.destination import open_senders
from clientobs.drain.encode import Encoder, assemble
from clientobs.drain.poison import PoisonShelf
from clientobs.journal.format import Kind, encode_payload
from clientobs.journal.records import ContextRecord, Header, SpanRecord, decode

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


def measure(records: list[bytes], protocol: str) -> dict[str, float]:
    """Send all records and return the figures."""
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
        for start in range(0, len(records), BATCH):
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
    }


def stages(records: list[bytes]) -> dict[str, float]:
    """Return the CPU microseconds of each stage for one span."""
    count = len(records)
    begin = time.process_time()
    read = batches(records)
    after_read = time.process_time()
    encoder = Encoder()
    encoded = [[encoder.encode(item) for item in batch.items] for batch in read]
    after_encode = time.process_time()
    size = sum(len(assemble(part)) for part in encoded)
    after_assemble = time.process_time()
    return {
        "read_us": round((after_read - begin) / count * 1e6, 1),
        "encode_us": round((after_encode - after_read) / count * 1e6, 1),
        "assemble_us": round((after_assemble - after_encode) / count * 1e6, 1),
        "bytes_per_span": round(size / count),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=50_000)
    parser.add_argument("--protocol", choices=["http/protobuf", "grpc"], default="http/protobuf")
    options = parser.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    records = payloads(options.spans)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    figures = measure(records, options.protocol)
    figures["process_mb"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - own) / 1024)
    figures |= stages(records[:10_000])
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
