"""A simulated month: the clock, the shop, the daemon, and the people who look after them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.event_api import AssetRecordsFilter
from dagster._core.scheduler.instigation import TickStatus

from nkdash import standing
from nkdash.automation import failures, gate, missing
from nkdash.automation.failures import dataset_of
from nkdash.catalog import Catalog, load_catalog
from nkdash.home import prepare_home
from nkdash.lake import Layer, list_days
from nkdash.sandbox.retailer.sales import UTC_OFFSET
from nkdash.settings import Settings, load_settings
from nkdash_tests.simulation import location
from nkdash_tests.simulation.alerts import Alerts, receiver
from nkdash_tests.simulation.clock import VirtualClock
from nkdash_tests.simulation.daemon import Daemon, quicken, running, take_turns
from nkdash_tests.simulation.oracle import Touches
from nkdash_tests.simulation.shop import Shop, local

LOOKS = (time(2), time(23, 30))
"""When the daemons tick, local time: the schedules' hours. The sensors tick with them."""

QUIET = timedelta(minutes=5)
"""Nothing happens in Odoo for so long before a tick: what a tick finds, it finds whole."""

DatasetDay = tuple[str, date]


@dataclass
class Month:
    """Everything that goes on."""

    clock: VirtualClock
    shop: Shop
    alerts: Alerts
    home: Path
    env: pytest.MonkeyPatch
    settings: Settings
    catalog: Catalog
    touches: Touches
    extra: Counter[DatasetDay] = field(default_factory=Counter)
    """Loads that are called for beside Odoo's changes: files lost, runs broken."""

    variables: dict[str, str] = field(default_factory=dict)
    """The environment in which NKDash runs."""

    deaths: list[int] = field(default_factory=list)
    """Return codes of the runs that were killed."""

    _daemon: Daemon | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def daemon(self) -> Daemon:
        """The one that runs now."""
        assert self._daemon is not None
        return self._daemon

    @property
    def instance(self) -> dg.DagsterInstance:
        """Dagster's storage, as the running daemon has it open."""
        return self.daemon.instance

    @property
    def now(self) -> datetime:
        """The shops' wall clock."""
        return local(self.clock.now)

    def live(self, until: datetime, events: Iterable[tuple[datetime, "Event"]]) -> None:
        """Let time pass up to ``until`` (wall clock): events when they are due, ticks at LOOKS."""
        ticks = [(at, Month.tick) for at in self._looks(until)]
        for at, happen in sorted([*events, *ticks], key=lambda entry: entry[0]):
            self.clock.now = (at - UTC_OFFSET).replace(tzinfo=UTC)
            self.shop.sell_on(quiet=QUIET)
            happen(self)

    def _looks(self, until: datetime) -> Iterator[datetime]:
        day = self.now.date()
        while day <= until.date():
            yield from (at for t in LOOKS if self.now < (at := datetime.combine(day, t)) <= until)
            day += timedelta(days=1)

    def tick(self) -> None:
        """One round of the daemons."""
        self.touches.look(self.shop.world, self.now)
        self.daemon.tick()

    def restart(self) -> None:
        """End the daemon, and start one that knows only what lies on disk."""
        self.stop()
        self._daemon = self._stack.enter_context(running(self.home, self.clock))

    def stop(self) -> None:
        """End the daemon, with all that its process kept in memory."""
        if self._daemon:
            self.deaths += self._daemon.launcher.deaths
        self._stack.close()
        self._daemon = None
        for kept in (
            gate._probes,
            standing._footers,
            standing._differing,
            missing._known_events,
            failures._ended,
        ):
            kept.clear()
        location.repository.cache_clear()

    def lose_file(self, days_ago: int, layer: Layer, table: str, dataset: str) -> None:
        """Somebody deletes a day's file of the lake by hand."""
        day = self.now.date() - timedelta(days=days_ago)
        [file] = [f for f in list_days(self.settings.lake_root, layer, table) if f.day == day]
        Path(str(file.path)).unlink()
        self.extra[dataset, day] += 1

    def fail_nightly_run(self, calls: int) -> None:
        """Odoo answers so many calls of the next run, the night's, and then errors alone."""
        self.daemon.launcher.at_next_run = lambda: self.shop.answer_errors(after=calls)
        self._expect_another_night()

    def kill_nightly_run(self, files: int) -> None:
        """The next run, the night's, is killed with -9 when it puts its n-th file into place, and
        the daemon dies with it."""
        self.daemon.launcher.dies_at = files
        self._expect_another_night()

    def _expect_another_night(self) -> None:
        """What a broken run made may be made once more with what it did not."""
        yesterday = self.now.date() - timedelta(days=1)
        self.extra.update((name, yesterday) for name in self.touches.names)

    def set(self, name: str, value: str) -> None:
        """Change a setting; what runs reads it when it starts."""
        self.env.setenv(name, value)
        self.variables[name] = value

    def stop_schedule(self, name: str) -> None:
        """An operator switches a schedule off in Dagster's UI."""
        schedule = self.daemon.schedule(name)
        self.instance.stop_schedule(schedule.get_remote_origin_id(), schedule.selector_id, schedule)

    def tick_errors(self) -> list[str]:
        """What schedules and sensors failed with."""
        found = []
        for state in self.instance.all_instigator_state():
            of_state = (state.instigator_origin_id, state.selector_id)
            ticks = self.instance.get_ticks(*of_state, statuses=[TickStatus.FAILURE])
            errors = [error.to_string() for tick in ticks if (error := tick.error)]
            found += [f"{state.instigator_name}: {error}" for error in errors]
        return found

    def loads(self) -> Counter[tuple[dg.AssetKey, date]]:
        """How often each asset's day was loaded after the day was over."""
        found: Counter[tuple[dg.AssetKey, date]] = Counter()
        for key in dataset_of(self.catalog):
            records = self.instance.fetch_materializations(AssetRecordsFilter(key), limit=10_000)
            for record in records.records:
                day = date.fromisoformat(record.partition_key or "")
                if local(datetime.fromtimestamp(record.timestamp, UTC)).date() > day:
                    found[key, day] += 1
        return found


Event = Callable[[Month], object]


@contextmanager
def month(
    env: pytest.MonkeyPatch, folder: Path, start: datetime, days_before: int
) -> Iterator[Month]:
    """The month's first moment (wall clock): a shop that has sold for ``days_before`` days, an
    empty lake, a daemon that was just started."""
    clock = VirtualClock((start - UTC_OFFSET).replace(tzinfo=UTC))
    clock.install(env)
    quicken(env)
    take_turns(env, seed=4)
    shop = Shop(clock, days_before, seed=4)
    opened = start.date() - timedelta(days=days_before)
    with receiver() as alerts:
        variables = {
            **shop.server.settings,
            "DATA_LAKE_ROOT": str(folder / "lake"),
            "DAGSTER_HOME": str(folder / "home"),
            "NKDASH_START_DATE": opened.isoformat(),
            "NKDASH_STEP_RETRIES": "0",
            "NKDASH_STEP_RETRY_SECONDS": "0",
            "ODOO_MAX_ATTEMPTS": "1",
            "NKDASH_INTRADAY_MINUTES": "720",
            "NKDASH_REFRESH_INTERVALS": "100",
            "NKDASH_ALERT_WEBHOOK": alerts.url,
            "NKDASH_DISK_FAIL_GIB": "0",
        }
        for name, value in variables.items():
            env.setenv(name, value)
        home = prepare_home()
        settings = load_settings(require_odoo=True)
        catalog = load_catalog(settings)
        daily = [dataset for dataset in catalog.datasets if not dataset.is_snapshot]
        touches = Touches(shop.world, daily)
        found = Month(clock, shop, alerts, home, env, settings, catalog, touches)
        found.variables = variables
        found.restart()
        try:
            yield found
        finally:
            found.stop()
            shop.close()
