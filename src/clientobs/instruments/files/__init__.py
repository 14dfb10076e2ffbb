"""Files: what a program opens, reads, writes and asks of the file system, as Python does it.

Patched: `builtins.open` and `io.open`, names in `os` (open, stat and its family, rename, remove, mkdir, listdir,
scandir ...), the copies, moves and removals of `shutil`. What stands on these is seen too: pathlib, codecs,
tempfile, glob, gzip, bz2, lzma, zipfile, tarfile, os.walk, os.makedirs. `posix`, `nt` and the import system stay
untouched, and open() returns the very types that it returned before.

Emitted: a summary on each span under which files were used (`file.io.*`), a span of its own for an operation that
was slow or failed, histograms by mount, kind and operation, `storage.root_missing` for a storage root that isn't
there. A file that is asked for and isn't there is counted: programs probe.

Costs: docs/explanation/file-io.md, measured beside a proxy and a subclass. A fast success adds to a few numbers.

Can't see: what C and C++ open by themselves (OpenEXR, USD, Alembic, the host's own textures and references);
reads and writes of a memory map; the methods of a file without a buffer; `DirEntry.stat()`, a method of the system's
own objects; what os.write writes on local storage. The system counts these bytes for the process as a whole, and the
drain reads its counters from outside: `process.io`, `process.disk.io`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FileIOInstrumentor"]


def __getattr__(name: str) -> Any:
    if name == "FileIOInstrumentor":
        # Its base class takes 90 ms to import: only who asks for it by this name pays.
        from clientobs.instruments.instrumentors import FileIOInstrumentor  # noqa: PLC0415

        return FileIOInstrumentor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
