"""`Scheduler`: the loop. Decide what is due, write it down, launch it, write down what became of it; and stop in good order.

One thread decides and writes; a few others launch. Everything that must survive is in the `Store` before it is sent.
"""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bridge_core import RunRef

from ..http.health_server import HealthServer
from .backlog import Backlog
from .clock import Clock
from .launcher import Outcome, Result, launch_tick
from .lease import lease_for
from .metrics import Metrics
from .plan import Plan
from .store import Store, TickRow
from .ticklog import clock_trouble, log_passed_over, log_result, log_start
from .watch import FileWatch

if TYPE_CHECKING:
    from types import TracebackType

    from bridge_core import Client

    from .entry import Entry

__all__ = ["Scheduler", "default_state"]

log = logging.getLogger("bridge_core.scheduler")

_PAUSE = 1.0
"""Seconds the loop sleeps at most: how soon a changed file, a pause or a jump of the clock is noticed."""
_STUCK = 60.0
_KEEP = 30 * 86400


def default_state(path: Path) -> str:
    """Where the state of a file is kept when nothing else is said: beside it."""
    return f"sqlite:///{path.absolute()}.state.db"


class Scheduler:
    """Runs the triggers of a file until it is stopped.

    Args:
        client: Which Flyte. Used from several threads; the caller closes it.
        path: The triggers file; it must be good at the start, and is read again whenever it changes.
        state: SQLAlchemy URL. None: an SQLite file beside `path`.
        http_port: For ``/healthz`` and ``/metrics`` on 127.0.0.1; 0 for a free one, None for neither.
        parallelism: How many launches at once.
        lease: Seconds after which a silent leader is replaced (databases other than SQLite).
        clock: What time it is.

    Raises:
        ConfigError: The file is broken, or the state cannot be opened.

    Example:
        >>> from bridge_core import Client, Config
        >>> from bridge_core.scheduler import Scheduler
        >>> with Client(Config.auto()) as flyte, Scheduler(flyte, "triggers.yaml") as scheduler:  # doctest: +SKIP
        ...     scheduler.run()
    """

    def __init__(
        self,
        client: Client,
        path: Path | str,
        *,
        state: str | None = None,
        http_port: int | None = None,
        parallelism: int = 8,
        lease: float = 15.0,
        clock: Clock | None = None,
    ) -> None:
        self.path = Path(path)
        self.metrics = Metrics()
        self._client = client
        self._clock = clock or Clock()
        self._watch = FileWatch(self.path)
        self._leads = False
        self._plan = Plan()
        self._backlog = Backlog()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._reload = threading.Event()
        self._looped = self._clock.monotonic()
        self._changes = 0
        self._clock_trouble: str | None = None
        self._http = None if http_port is None else HealthServer(http_port, self.health, self.metrics.text)
        try:
            self._store = Store(state or default_state(self.path), self._watch.good.name)
            self._lease = lease_for(self._store, self._clock, lease)
        except BaseException:
            if self._http is not None:
                self._http.close()
            raise
        self._parallelism = parallelism
        self._pool = ThreadPoolExecutor(parallelism, thread_name_prefix="scheduler-launch")
        self._thread: threading.Thread | None = None

    # -- life

    def run(self) -> None:
        """Works until `stop` is called; then waits for launches that are under way, and writes down what became of them."""
        log_start(log, self._watch.good, self._store, self.url)
        from sqlalchemy.exc import SQLAlchemyError

        try:
            while not self._stopping.is_set():
                try:
                    pause = self.step()
                except SQLAlchemyError as error:
                    # Nothing is lost: what was not written down is decided again, what was is launched again by name.
                    log.log(logging.ERROR, "the state cannot be used; beginning again from what it holds: %s", error)
                    self._leads, pause = False, _PAUSE
                self._clock.wait(self._wake, pause)
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._collect()
            if self._leads:
                self._lease.release()
            self._leads = False
            log.info("scheduler stopped; %d ticks wait for the next start", len(self._backlog))

    def start(self) -> Self:
        """`run` in a thread."""
        self._thread = threading.Thread(target=self.run, name="scheduler", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Asks the loop to end. Safe in a signal handler."""
        self._stopping.set()
        self._wake.set()

    def reload(self) -> None:
        """Reads the file again, even when it looks the same. Safe in a signal handler."""
        self._reload.set()
        self._wake.set()

    def close(self) -> None:
        """Stops, and closes everything but the client."""
        self.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._pool.shutdown(wait=True)
        self._lease.release()
        if self._http is not None:
            self._http.close()
            self._http = None
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str | None:
        """Where ``/healthz`` and ``/metrics`` are."""
        return self._http.url if self._http is not None else None

    @property
    def leads(self) -> bool:
        """Whether this runner works, or stands by."""
        return self._leads

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether the loop goes round, and what there is to know."""
        silence = self._clock.monotonic() - self._looped
        return silence < _STUCK, {
            "status": "leader" if self._leads else "standby",
            "triggers": len(self._plan) or len(self._watch.good.entries),
            "pending": len(self._backlog),
            "silent_seconds": round(silence, 1),
            "file": str(self.path),
            "file_trouble": self._watch.trouble,
            "clock_trouble": self._clock_trouble,
        }

    # -- one round

    def step(self) -> float:
        """One round of the loop.

        Returns:
            Seconds until there is something to do.
        """
        self._looped = self._clock.monotonic()
        wall = self._clock.now()
        self.metrics.set("last_loop_timestamp_seconds", wall)
        now = int(wall)
        if not self._lead(now):
            self._file(now)
            return _PAUSE
        self._collect()
        self._file(now)
        self._reread(now)
        self._decide(now)
        self._compare_clock(now)
        self._dispatch(now)
        self.metrics.set("pending", len(self._backlog))
        upcoming = [at for at in (self._plan.next_due(), self._backlog.next_due()) if at is not None]
        return min(_PAUSE, max(0.0, min(upcoming, default=now + 1) - self._clock.now()))

    def _lead(self, now: int) -> bool:
        held = self._lease.hold()
        if held and not self._leads:
            self._plan = Plan()
            self._load(now)
            self._backlog = Backlog(self._store.ticks("pending"), self._store.ticks("running"))
            self._store.forget(now - _KEEP)
            log.info("this runner leads: %d triggers, %d ticks left over", len(self._plan), len(self._backlog))
        elif self._leads and not held:
            log.warning("another runner leads now; this one stands by")
            self._backlog = Backlog()
        self._leads = held
        self.metrics.set("leader", float(held))
        return held

    def _load(self, now: int) -> None:
        entries = self._watch.good.entries
        self._changes = self._store.changes()
        fresh = self._plan.load(entries, self._store.triggers(), now)
        self._store.begin_triggers(fresh)
        self.metrics.set("triggers", len(self._plan))

    def _file(self, now: int) -> None:
        force = self._reload.is_set()
        self._reload.clear()
        trouble = self._watch.trouble
        new = self._watch.changed(force=force)
        if new is not None:
            self.metrics.add("reloads_total", result="ok")
            log.info("read %s again: %d triggers", self.path, len(new.entries))
            if self._leads:
                self._load(now)
        elif self._watch.trouble is not None and self._watch.trouble != trouble:
            self.metrics.add("reloads_total", result="refused")

    def _reread(self, now: int) -> None:
        """Takes over what ``scheduler rewind`` wrote."""
        changes = self._store.changes()
        if changes != self._changes:
            log.info("the state was changed by hand; reading it again")
            self._load(now)
            self._backlog.keep_only({(row.trigger, row.tick) for row in self._store.ticks("pending")})

    def _compare_clock(self, now: int) -> None:
        """Notices triggers that are decided up to a moment in the future: a clock was wrong, and they are silent until then."""
        ahead, until = self._plan.ahead(now)
        self.metrics.set("triggers_ahead", ahead)
        self.metrics.set("ahead_seconds", until - now)
        trouble = clock_trouble(ahead, len(self._plan), until, self.path) if ahead else None
        if trouble and not self._clock_trouble:
            log.log(logging.ERROR, "%s", trouble)
        elif self._clock_trouble and not trouble:
            log.info("no trigger is decided up to a moment in the future any more")
        self._clock_trouble = trouble

    def _decide(self, now: int) -> None:
        first = self._plan.next_due()
        if first is None or first > now:
            return
        decision = self._plan.decide(now, self._store.paused())
        self._store.decide(decision.cursors, decision.ticks)
        for row in decision.ticks:
            self._backlog.add(row)
        for entry, missed, then in decision.passed_over:
            self.metrics.add("passed_over_total")
            log_passed_over(log, entry, missed, then)

    def _dispatch(self, now: int) -> None:
        for row in self._backlog.ready(now, self._parallelism, self._limited):
            entry = self._plan.entry(row.trigger)
            if entry is None:
                self._results.put(
                    Result(
                        trigger=row.trigger,
                        tick=row.tick,
                        outcome=Outcome.SKIPPED,
                        note="the trigger is no longer in the file",
                    )
                )
                self._wake.set()
                continue
            self._pool.submit(self._launch, entry, row.tick, self._backlog.going(row.trigger))

    def _limited(self, name: str) -> bool:
        entry = self._plan.entry(name)
        return entry is not None and entry.max_concurrency is not None

    def _launch(self, entry: Entry, tick: int, going: tuple[RunRef, ...]) -> None:
        begin = self._clock.monotonic()
        try:
            result = launch_tick(self._client, entry, tick, going)
        except Exception as error:  # a bug must not lose the tick: it stays written down, and is tried again
            log.exception("tick of %s: unexpected error", entry.name)
            result = Result(
                trigger=entry.name, tick=tick, outcome=Outcome.RETRY, note=f"{type(error).__name__}: {error}"
            )
        self._results.put(replace(result, seconds=self._clock.monotonic() - begin))
        self._wake.set()

    def _collect(self) -> None:
        """Writes down what became of ticks, in one transaction."""
        rows: list[TickRow] = []
        now = self._clock.now()
        while not self._results.empty():
            result = self._results.get()
            rows += self._backlog.settle(result, int(now), limited=self._limited(result.trigger))
            late = now - result.tick
            self.metrics.add("ticks_total", outcome=result.outcome.value)
            self.metrics.add("launch_seconds_sum", result.seconds)
            self.metrics.add("launch_seconds_count")
            if result.outcome is Outcome.LAUNCHED:
                self.metrics.add("late_seconds_sum", max(0.0, late))
                self.metrics.add("late_seconds_count")
            log_result(log, result, late, self._client.console_url(result.run) if result.run else "")
        self._store.record(rows)
