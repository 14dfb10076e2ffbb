"""The instrument `files`: what is patched, and how it is put back.

Patched: builtins.open and io.open (opens.py), names in `os` (metadata.py, listings.py, descriptors.py), `shutil`
(trees.py), and the names under which loaded modules keep `open` for themselves. `posix`, `nt`, the import system
and the io classes stay as they are.
"""

from __future__ import annotations

import builtins
import functools
import io
import os
from typing import TYPE_CHECKING, Any, Final

from clientobs.instruments.arrivals import Arrivals
from clientobs.instruments.files import metadata
from clientobs.instruments.files.apart import LOOKS, wrap_apart
from clientobs.instruments.files.books import Books
from clientobs.instruments.files.descriptors import Descriptors
from clientobs.instruments.files.desk import Desk
from clientobs.instruments.files.endings import Endings
from clientobs.instruments.files.listings import wrap_scandir
from clientobs.instruments.files.measures import Measures
from clientobs.instruments.files.opens import wrap_open
from clientobs.instruments.files.outside import Outside
from clientobs.instruments.files.pathtext import PathText
from clientobs.instruments.files.places import Places
from clientobs.instruments.files.roots import missing_roots, tell_missing
from clientobs.instruments.files.telling import Teller
from clientobs.instruments.files.trees import TREES, wrap_copyfile, wrap_tree
from clientobs.instruments.lifecycle import Lifecycle
from clientobs.instruments.patching import dressed, in_place_of, loaded
from clientobs.paths.mounts import MountTable
from clientobs.paths.portable import Roots

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from clientobs.config.model import Config
    from clientobs.instruments.registry import Surroundings

__all__ = ["FilesInstrument"]

_TRACER: Final = "clientobs.instruments.files"
# Modules that keep the function itself: looked up once, at their import. Their later imports keep our wrapper,
# which is a pass-through once it is undone.
_KEEP_OPEN: Final = (("bz2", "_builtin_open"), ("tarfile", "bltn_open"), ("gzip", "_open"))
_SUPPORTS: Final = ("supports_dir_fd", "supports_fd", "supports_follow_symlinks", "supports_effective_ids")


class FilesInstrument(Lifecycle):
    """Sees the file operations of this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__()
        self._config: Config = surroundings.config
        self._surroundings = surroundings
        self._measures = Measures()
        self._desk: Desk | None = None
        self._arrivals = Arrivals({"shutil": self._patch_trees})
        self._mounts = surroundings.mounts or MountTable.of_this_machine()
        self._list_folder = os.scandir
        self._compared = False

    def _begin(self) -> None:
        self._desk = desk = self._make_desk()
        self._patch_opens(desk)
        self._patch_names(desk)
        self._arrivals.watch()
        self._patch_looks(desk)

    def _stop(self) -> None:
        self._arrivals.stop()

    def _finish(self) -> None:
        if self._desk is not None:
            self._desk.settle(last=True)
        self._look()

    def _pause(self) -> None:
        if self._desk is not None:
            self._desk.books.close_all()

    def after_fork_in_child(self) -> None:
        """Forget what belongs to the parent."""
        if self._desk is not None:
            self._measures = self._desk.measures = Measures()
            self._desk.books.forget()
            self._desk.begin_anew()

    def settle(self) -> None:
        """Tell what has folded outside every span: the session ends."""
        if self._desk is not None and self._switch.on:
            self._desk.settle(last=True)
        self.tick()

    def _look(self) -> None:
        """Hand what has been counted to the metrics."""
        if self._desk is not None:
            self._arrivals.look()
            self._desk.settle()
            self._measures.write()
            if not self._compared:
                self._compared = True
                tell_missing(missing_roots(self._config.roots, self._mounts, self._list_folder))

    def _make_desk(self) -> Desk:
        from opentelemetry import trace  # noqa: PLC0415  # loaded with the runtime

        from clientobs.record import span as record_span  # noqa: PLC0415

        record_span.bind()
        config, around = self._config, self._surroundings
        text = PathText(config.files.paths, Roots(config.roots), around.pseudonym)
        originals: dict[str, Callable[..., Any]] = {"stat": os.stat}
        desk = Desk(
            switch=self._switch,
            meter=self._metered("files"),
            places=Places(
                self._mounts,
                ignore=config.files.ignore,
                network=config.files.network,
                home=around.home,
            ),
            text=text,
            teller=Teller(config.files, text, lambda: trace.get_tracer(_TRACER), originals),
            measures=self._measures,
            get_current=record_span._get_current,  # noqa: SLF001  # bound once for all of us, see span.bind
        )
        spans = config.files.spans_per_trace
        books = Books(spans, Endings(desk).watch, record_span._SPAN_KEY)  # noqa: SLF001
        desk.begin(books, Outside(spans, desk.teller, desk.places, around.count_loss))
        return desk

    def _patch_opens(self, desk: Desk) -> None:
        # One wrapper under both names: `io.open is builtins.open` holds as it did.
        original = builtins.open
        wrapper = in_place_of(wrap_open(original, desk), original, "io")
        owners: list[tuple[Any, str]] = [(builtins, "open"), (io, "open")]
        owners.append((getattr(loaded("pathlib"), "_NormalAccessor", None), "open"))  # Python 3.10
        owners += [(loaded(module), name) for module, name in _KEEP_OPEN]
        for owner, name in owners:
            if owner is not None and getattr(owner, name, None) is original:
                self._patches.replace(owner, name, original, wrapper)

    def _patch_names(self, desk: Desk) -> None:
        descriptors = Descriptors(desk, self._patches)
        wrappers: dict[str, Callable[[Any], Any]] = {
            "open": descriptors.wrap_open,
            "scandir": lambda original: wrap_scandir(original, desk),
        }
        for names, wrap in (
            (metadata.CALLS, metadata.wrap_call),
            (metadata.CHANGES, metadata.wrap_change),
        ):
            for name in names:
                wrappers[name] = functools.partial(_apply, wrap, name, desk)
        for name, make in wrappers.items():
            if hasattr(os, name):
                self._patch_name(name, make)

    def _patch_name(self, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(os, name)
        wrapper = in_place_of(make(original), original, "os")
        self._patches.replace(os, name, original, wrapper)
        for members in _SUPPORTS:
            self._patches.join(getattr(os, members, set()), original, wrapper)
        accessor = getattr(loaded("pathlib"), "_NormalAccessor", None)
        if accessor is not None and accessor.__dict__.get(name) is original:  # Python 3.10
            self._patches.replace(accessor, name, original, wrapper)

    def _patch_trees(self, shutil: ModuleType) -> None:
        # shutil decides at its import, by os.supports_*, how rmtree defends itself: the sets are right by then.
        desk = self._desk
        if desk is None or not self._switch.on:
            return
        for name in TREES:
            original = getattr(shutil, name)
            self._patches.replace(shutil, name, original, dressed(wrap_tree(original, name, desk), original))
        copyfile = shutil.copyfile
        self._patches.replace(shutil, "copyfile", copyfile, dressed(wrap_copyfile(copyfile, desk), copyfile))

    def _patch_looks(self, desk: Desk) -> None:
        linecache = loaded("linecache")
        for name in LOOKS if linecache is not None else ():
            original = getattr(linecache, name)
            self._patches.replace(linecache, name, original, dressed(wrap_apart(original, desk), original))


def _apply(wrap: Callable[..., Any], name: str, desk: Desk, original: Any) -> Any:
    return wrap(original, name, desk)
