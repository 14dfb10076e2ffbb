"""What an instrument is on its way from off to on and back: the same for all of them.

Three states. *Off*: nothing of ours is anywhere. *On*. *At rest*: it turned itself off, because it cost too much
(`Meter`): the patches stay, each of them passes its call straight on, and it comes back by itself. Whatever state it
is in, `uninstrument()` leaves what was there before, and `instrument()` leaves it on: one that rests is undone first
and begins anew, never patched over.

A subclass says what to do in `_begin` (patch, through `self._patches`; all wrappers ask `self._switch`) and what
beside the patches is to be taken back in `_stop`; the other steps are for those that have something under way.
"""

from __future__ import annotations

from clientobs.instruments.meter import Meter
from clientobs.instruments.patching import Patches, Switch

__all__ = ["Lifecycle"]


class Lifecycle:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._switch = Switch()
        self._meter: Meter | None = None
        self._stands = False
        """Whether anything of ours is there: on, or at rest."""

    @property
    def patched(self) -> tuple[str, ...]:
        """The functions of others that call us now."""
        return self._patches.names

    @property
    def on(self) -> bool:
        """Whether anything is recorded; False while it is at rest."""
        return self._switch.on

    def instrument(self) -> None:
        """Patch; a second call does nothing, but to one that has turned itself off."""
        if self._switch.on:
            return
        self.uninstrument()
        # A switch of its own for each time: a wrapper of an earlier one that others have kept stays off.
        self._switch = switch = Switch()
        self._stands = switch.on = True
        try:
            self._begin()
        except BaseException:
            self.uninstrument()
            raise

    def uninstrument(self) -> None:
        """Put back exactly what was there; wrappers that others have taken become pass-throughs."""
        if not self._stands:
            return
        self._stands = False
        try:
            self._stop()
        finally:
            self._patches.undo()
            try:
                self._finish()
            finally:
                self._switch.on = False
                self._pause()

    def turn_off(self) -> None:
        """Stop recording where the patches stay: each call goes straight to the original."""
        self._switch.on = False
        self._pause()

    def turn_on(self) -> None:
        """Record again after `turn_off`; nothing where it has been undone."""
        switch = self._switch
        if not self._stands:
            return
        self._resume()
        switch.on = True
        if not self._stands:  # by another thread meanwhile
            switch.on = False

    def tick(self) -> None:
        """Do what is due now and then, on our own thread: at rest, come back when the time is over."""
        if self._switch.on:
            self._look()
        elif self._stands and self._meter is not None and self._meter.rested():
            self.turn_on()

    def _metered(self, name: str) -> Meter:
        """Return the meter that turns this instrument off."""
        self._meter = meter = Meter(name, too_much=self.turn_off)
        return meter

    def _begin(self) -> None:
        """Patch."""
        raise NotImplementedError

    def _stop(self) -> None:
        """Take back what was changed beside the patches, ahead of them; also after half of `_begin`."""

    def _finish(self) -> None:
        """Tell what is left to tell; the patches are gone."""

    def _pause(self) -> None:
        """Let nothing go on by itself: it is off, or at rest."""

    def _resume(self) -> None:
        """Take up again what `_pause` has let go of."""

    def _look(self) -> None:
        """Do what is due now and then, while it is on."""
