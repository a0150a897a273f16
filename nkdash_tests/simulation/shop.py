"""The retailer that sells while the clock runs: its records grow from tick to tick."""

from datetime import datetime

from nkdash.sandbox import SandboxServer, generate, serve
from nkdash_tests.simulation.clock import VirtualClock


class Shop:
    """A small generated retailer behind a sandbox, opened ``days`` before the clock's start."""

    def __init__(self, clock: VirtualClock, days: int) -> None:
        self._clock = clock
        self._opened = clock.now
        self._days = days
        self._sold_until = _naive(clock.now)
        self.server: SandboxServer = serve(self._world(), now=clock.now)

    def sell_on(self) -> None:
        """Take over what was sold, bought and moved since the last time."""
        store, now = self.server.service.store, _naive(self._clock.now)
        store.set_now(now)
        store.absorb(self._world(), self._sold_until)
        self._sold_until = now

    def _world(self):
        passed = (self._clock.now.date() - self._opened.date()).days
        return generate(
            now=_naive(self._clock.now),
            days=self._days + passed,
            products=40,
            orders_per_day=6,
        )


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
