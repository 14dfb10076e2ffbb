"""Where operations are counted: by thread, span and folder, so that counting needs no lock.

The way of one fast open: the thread's `Part` says whether it is still the same context (one comparison), its
`folders` give the account of the file's folder (one look-up), and three numbers grow. Which mount a folder is on
was asked when the account was made. What took less than `QUICK` waited for no server: the metadata calls among it
are two numbers of the part, with no path looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clientobs.instruments.files.books import Book
    from clientobs.instruments.files.places import Place

__all__ = ["BUCKETS", "EXACT", "QUICK", "SAMPLE", "Account", "Part"]

QUICK: Final = 50_000
"""Nanoseconds: a call that came back sooner did not wait for a disk or a server."""
BUCKETS: Final = 44
"""Powers of two of nanoseconds, up to two hours."""
EXACT: Final = 32
"""Files that a span reads from one local folder with their bytes measured; beyond that, one in sixteen."""
SAMPLE: Final = 16


class Account:
    """What one thread did in one folder under one span. Times are in nanoseconds."""

    __slots__ = (
        "book",
        "light",
        "of_descriptors",
        "opened",
        "opens",
        "others",
        "place",
        "read",
        "sampled",
        "sizes",
        "spent",
        "worst",
        "worst_operation",
        "worst_path",
        "written",
    )

    def __init__(self, place: Place, book: Book) -> None:
        self.place = place
        self.book = book
        self.light = not place.network
        """Whether an open of a file to read needs nothing but counting."""
        self.opens = [0] * BUCKETS
        self.others: dict[str, list[int]] = {}
        self.sizes: dict[str, list[int]] = {}
        self.opened = 0
        self.of_descriptors = 0
        """Files opened by os.open, which is among the others as an operation."""
        self.spent = 0
        self.read = 0
        self.written = 0
        self.sampled = False
        self.worst = 0
        self.worst_path: Any = ""
        self.worst_operation = "open"

    def add(self, operation: str, spent: int, path: Any) -> None:
        """Count one operation other than the opening of a file."""
        times = self.others.get(operation)
        if times is None:
            times = self.others[operation] = [0] * BUCKETS
        times[min(spent.bit_length(), BUCKETS - 1)] += 1
        self.spent += spent
        if spent > self.worst:
            self.worst, self.worst_path, self.worst_operation = spent, path, operation

    def add_open(self, spent: int, path: Any) -> int:
        """Count one opened file; return how many there are."""
        self.opens[min(spent.bit_length(), BUCKETS - 1)] += 1
        self.spent += spent
        if spent > self.worst:
            self.worst, self.worst_path, self.worst_operation = spent, path, "open"
        self.opened += 1
        return self.opened

    def add_open_again(self, spent: int, path: Any) -> int:
        """Count the opening of a file whose descriptor os.open has just made; return how many `open` alone opened."""
        self.add("open", spent, path)
        self.add_of_descriptor()
        return self.opened

    def add_of_descriptor(self) -> None:
        """Count a file that was made of a descriptor; on network storage its os.open was counted as one."""
        self.of_descriptors += self.light

    def add_size(self, direction: str, size: int, weight: int = 1) -> None:
        """Count the bytes of one file, "read" or "write"; of a sampled one for all that it stands for."""
        sizes = self.sizes.get(direction)
        if sizes is None:
            sizes = self.sizes[direction] = [0] * BUCKETS
        sizes[min(size.bit_length(), BUCKETS - 1)] += weight


class Part:
    """One thread's share in the book of one span."""

    __slots__ = ("book", "context", "folders", "probed", "quick", "quick_spent")

    def __init__(self, book: Book, context: Any) -> None:
        self.book = book
        self.context = context
        """The OpenTelemetry context that this part was found for, compared by identity."""
        self.folders: dict[str, Account] = {}
        self.quick = 0
        self.quick_spent = 0
        self.probed = 0
        """Metadata calls answered by "no such file": how programs ask whether something exists."""

    def account(self, folder: str, place: Place) -> Account:
        """Return the account of a folder, or of the place where folders come in thousands."""
        account = self.folders.get(folder)
        if account is None:
            if len(self.folders) >= _MAX_FOLDERS:
                folder = f"\0{place.point}"
                account = self.folders.get(folder)
            if account is None:
                account = self.folders[folder] = Account(place, self.book)
        return account


_MAX_FOLDERS: Final = 512
