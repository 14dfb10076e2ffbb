"""Where operations are counted: by thread, span and folder, so that counting needs no lock.

The way of one fast open: the thread's `Part` says whether it is still the same context (one comparison), its
`light` gives the account of the file's folder (one look-up), and its time goes to the end of a list, which is
added up when there are sixty-four. Which mount a folder is on was asked when the account was made. What took
less than `QUICK` waited for no server: the metadata calls among it are two numbers of the part, with no path
looked at.
"""

from __future__ import annotations

from itertools import repeat
from operator import length_hint
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clientobs.instruments.files.books import Book
    from clientobs.instruments.files.places import Place

__all__ = ["BUCKETS", "EXACT", "MANY", "QUICK", "SAMPLE", "SELDOM", "Account", "Light", "Part"]

QUICK: Final = 50_000
"""Nanoseconds: a call that came back sooner did not wait for a disk or a server."""
BUCKETS: Final = 44
"""Powers of two of nanoseconds, up to two hours."""
EXACT: Final = 32
"""Files that a span reads from one local folder with their bytes measured; beyond that, one in sixteen."""
SAMPLE: Final = 16
SELDOM: Final = 64
MANY: Final = 512
"""Opened files beyond which it is one in sixty-four: enough were measured to judge the rest by."""
_NEEDS_LOOK: Final = 1_000_000
"""Nanoseconds: a local open that took longer may deserve a span."""
_TOGETHER: Final = 64
"""Times of opened files that are added up at once."""


class Account:
    """What one thread did in one folder under one span. Times are in nanoseconds."""

    __slots__ = (
        "book",
        "of_descriptors",
        "opened",
        "opens",
        "others",
        "pending",
        "place",
        "quiet",
        "read",
        "sampled",
        "sizes",
        "spent",
        "step",
        "turns",
        "worst",
        "worst_operation",
        "worst_path",
        "written",
    )

    def __init__(self, place: Place, book: Book) -> None:
        self.place = place
        self.book = book
        self.pending: list[int] = []
        """Times of files that were opened, not added up yet: see `fold`."""
        self.step = 1
        """How many files the next one stands for that is measured."""
        self.turns = repeat(True, 0)
        """One for each file until then: an iterator is the cheapest counter that there is."""
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
        self.quiet = 0
        """An open that took as long, and no longer, is nothing but counted."""

    def add(self, operation: str, spent: int, path: Any) -> None:
        """Count one operation other than the opening of a file."""
        times = self.others.get(operation)
        if times is None:
            times = self.others[operation] = [0] * BUCKETS
        times[min(spent.bit_length(), BUCKETS - 1)] += 1
        self.spent += spent
        if spent > self.worst:
            self._surpass(operation, spent, path)

    def _surpass(self, operation: str, spent: int, path: Any) -> None:
        self.worst, self.worst_path, self.worst_operation = spent, path, operation
        self.quiet = min(spent, _NEEDS_LOOK)

    def add_open(self, spent: int, path: Any) -> int:
        """Count one opened file; return how many its bytes stand for, 0 where they are not to be measured."""
        self.pending.append(spent)
        if spent > self.worst:
            self._surpass("open", spent, path)
        return self.weigh() if next(self.turns, None) is None else 0

    def add_open_again(self, spent: int, path: Any) -> int:
        """Count the opening of a file whose descriptor os.open has just made; its bytes are measured."""
        self.add("open", spent, path)
        self.add_of_descriptor()
        return 1

    def weigh(self) -> int:
        """Return how many files the bytes of the one just opened stand for, and say which is the next."""
        weight = self.step
        if len(self.pending) >= _TOGETHER:
            self.fold()
        opened = self.opened + len(self.pending)
        if opened >= EXACT:
            self.step = SAMPLE if opened < MANY else SELDOM
            self.turns = repeat(True, self.step - 1)
        return weight

    def fold(self) -> None:
        """Add up the files that were opened since the last time."""
        pending, self.pending = self.pending, []
        powers = bytes(map(int.bit_length, pending))
        for power in set(powers):
            self.opens[min(power, BUCKETS - 1)] += powers.count(power)
        self.opened += len(pending)
        self.spent += sum(pending)

    @property
    def estimated(self) -> bool:
        """Whether the bytes read are not those of every file: some stood for others, or the last went unmeasured."""
        if self.place.network:  # there each file is measured
            return self.sampled
        return self.sampled or ("read" in self.sizes and length_hint(self.turns) < self.step - 1)

    def add_of_descriptor(self) -> None:
        """Count a file that was made of a descriptor; on network storage its os.open was counted as one."""
        self.of_descriptors += not self.place.network

    def add_read(self, size: int, weight: int) -> None:
        """Count the bytes that were read from a file by its close; so many files it stands for."""
        self.read += size * weight
        if weight > 1:
            self.sampled = True
        self.add_size("read", size, weight)

    def add_size(self, direction: str, size: int, weight: int = 1) -> None:
        """Count the bytes of one file, "read" or "write"; of a sampled one for all that it stands for."""
        sizes = self.sizes.get(direction)
        if sizes is None:
            sizes = self.sizes[direction] = [0] * BUCKETS
        sizes[min(size.bit_length(), BUCKETS - 1)] += weight


class Light(dict[str, Account]):
    """Accounts by folder, where an open of a file to read needs nothing but counting."""

    __slots__ = ()

    def __missing__(self, _folder: str) -> Account:
        return _NOBODY


class Part:
    """One thread's share in the book of one span."""

    __slots__ = ("book", "context", "folders", "light", "probed", "quick", "quick_spent")

    def __init__(self, book: Book, context: Any) -> None:
        self.book = book
        self.context = context
        """The OpenTelemetry context that this part was found for, compared by identity."""
        self.folders: dict[str, Account] = {}
        self.light = Light()
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
                if not place.network:
                    self.light[folder] = account
        return account


_MAX_FOLDERS: Final = 512
_NOBODY: Final = Account.__new__(Account)
"""Stands where there is no account: no open is short enough to be counted in it."""
_NOBODY.quiet = -1
