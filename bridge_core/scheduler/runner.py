"""`Scheduler`: the loop. Decide what is due, write it down, launch it, write down what became of it; and stop in good order.

One thread decides and writes; a few others launch. Everything that must survive is in the `Store` before it is sent.
"""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bridge_core import RunRef, __version__

from .backlog import Backlog
from .clock import Clock, Wake
from .engine import default_state
from .health import Health, judge
from .http import HealthServer
from .launcher import Outcome, Result, launch_tick
from .lease import lease_for
from .metrics import Metrics
from .plan import Plan
from .store import Store, TickRow
from .ticklog import clock_trouble, log_passed_over, log_result, log_start
from .watch import FileWatch
from .workers import Workers

if TYPE_CHECKING:
    from types import TracebackType

    from bridge_core import Client

    from .entry import Entry

__all__ = ["Scheduler"]

log = logging.getLogger("bridge_core.scheduler")

_PAUSE = 1.0
"""Seconds the loop sleeps at most: how soon a changed file, a pause or a jump of the clock is noticed."""
_KEEP = 30 * 86400
_SWEEP = 3600.0
_FORGOTTEN = 20_000


class Scheduler:
    """Runs the triggers of a file until it is stopped.

    Args:
        client: Which Flyte. Used from several threads; the caller closes it.
        path: The triggers file; it must be good at the start, and is read again whenever it changes.
        state: SQLAlchemy URL. None: an SQLite file beside `path`.
        http_port: For ``/livez``, ``/readyz``, ``/healthz`` and ``/metrics``; 0 for a free one, None for none of them.
        parallelism: How many launches at once.
        lease: Seconds after which a silent leader is replaced (databases other than SQLite).
        clock: What time it is.
        http_host: Address on which those pages are.
        stop_timeout: Seconds that `run`, once asked to stop, waits for launches that are under way. Those that take longer
            stay written down, and the next runner finds out what became of them.

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
        http_host: str = "127.0.0.1",
        stop_timeout: float = 20.0,
    ) -> None:
        self.path = Path(path)
        self.metrics = Metrics()
        self._client = client
        self._clock = clock or Clock()
        self._watch = FileWatch(self.path)
        self.metrics.set("triggers", len(self._watch.good.entries))
        self._leads = False
        self._plan = Plan()
        self._backlog = Backlog()
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._wake = Wake()
        self._stopping = False  # plain flags: signal handlers set them
        self._reload = False
        self._looped = self._clock.monotonic()
        self._good: float | None = None
        self._state_trouble: str | None = None
        self._sweep_at = self._looped
        self._changes = 0
        self._clock_trouble: str | None = None
        self._http = None if http_port is None else HealthServer(http_host, http_port, self.health, self._metrics_page)
        try:
            self._store = Store(state or default_state(self.path), self._watch.good.scope(shared=state))
            self._lease = lease_for(self._store, self._clock, lease)
        except BaseException:
            if self._http is not None:
                self._http.close()
            raise
        self._parallelism = parallelism
        self._stop_timeout = stop_timeout
        self._workers = Workers(parallelism, self._launch)
        self._thread: threading.Thread | None = None

    # -- life

    def run(self) -> None:
        """Works until `stop` is called; then waits for launches that are under way, and writes down what became of them."""
        log_start(log, self._watch.good, self._store, self.url)
        from sqlalchemy.exc import SQLAlchemyError

        try:
            while not self._stopping:
                try:
                    pause = self.step()
                except SQLAlchemyError as error:
                    self._lose_state(error)
                    pause = _PAUSE
                self._clock.wait(self._wake, pause)
        finally:
            self._finish()

    def _lose_state(self, error: Exception) -> None:
        """Nothing is lost: what was not written down is decided again, what was is launched again by name."""
        if self._state_trouble is None:  # once, not every second
            log.log(logging.ERROR, "the state cannot be used; asking again every second: %s", error)
        self._state_trouble = f"the state cannot be used: {type(error).__name__}"
        self._leads = False
        self._store.reconnect()
        self.metrics.add("state_errors_total")
        self.metrics.set("leader", 0)

    def _finish(self) -> None:
        """In good order, and in time: neither a launch nor a database that hangs may keep us from ending."""
        from sqlalchemy.exc import SQLAlchemyError

        if not self._workers.close(self._stop_timeout):
            log.warning(
                "launches were still under way after %g s; the next start finds out what became of them",
                self._stop_timeout,
            )
        try:
            self._collect()
            if self._leads:
                self._lease.release()
        except SQLAlchemyError as error:
            log.warning("stopped without the state, which cannot be used; nothing is lost: %s", error)
        self._leads = False
        log.info("scheduler stopped; %d ticks wait for the next start", len(self._backlog))

    def start(self) -> Self:
        """`run` in a thread."""
        self._thread = threading.Thread(target=self.run, name="scheduler", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Asks the loop to end. Safe in a signal handler."""
        self._stopping = True
        self._wake.set()

    def reload(self) -> None:
        """Reads the file again, even when it looks the same. Safe in a signal handler."""
        self._reload = True
        self._wake.set()

    def close(self) -> None:
        """Stops, and closes everything but the client."""
        from sqlalchemy.exc import SQLAlchemyError

        self.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._workers.close(self._stop_timeout)
        try:
            self._lease.release()
        except SQLAlchemyError as error:
            log.warning("the lease could not be given back; it ends by itself: %s", error)
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
        """Where ``/livez``, ``/readyz``, ``/healthz`` and ``/metrics`` are."""
        return self._http.url if self._http is not None else None

    @property
    def leads(self) -> bool:
        """Whether this runner works, or stands by."""
        return self._leads

    def health(self) -> Health:
        """Whether the loop goes round, whether this runner does its part, and what else there is to know."""
        now = self._clock.monotonic()
        details: dict[str, Any] = {
            "status": "leader" if self._leads else "standby",
            "version": __version__,
            "triggers": len(self._plan) or len(self._watch.good.entries),
            "pending": len(self._backlog),
            "silent_seconds": round(now - self._looped, 1),
            "file": str(self.path),
            "file_trouble": self._watch.trouble,
            "clock_trouble": self._clock_trouble,
            "state_trouble": self._state_trouble,
        }
        return judge(
            details,
            now=now,
            looped=self._looped,
            good=self._good,
            stopping=self._stopping,
            state_trouble=self._state_trouble,
        )

    def _metrics_page(self) -> str:
        self.metrics.set("ready", float(self.health().not_ready is None))
        return self.metrics.text()

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
        if self._lead(now):
            self._collect()
            self._file(now)
            self._reread(now)
            self._decide(now)
            self._dispatch(now)
            self._forget(now)
        else:
            self._file(now)
        self._compare_clock(now)
        self.metrics.set("pending", len(self._backlog))
        self.metrics.set("oldest_pending_seconds", self._backlog.overdue(now))
        if self._state_trouble is not None:
            log.info("the state can be used again")
        self._good, self._state_trouble = self._clock.monotonic(), None
        self.metrics.set("last_good_round_timestamp_seconds", wall)
        if not self._leads:
            return _PAUSE
        upcoming = [at for at in (self._plan.next_due(), self._backlog.next_due()) if at is not None]
        return min(_PAUSE, max(0.0, min(upcoming, default=now + 1) - self._clock.now()))

    def _lead(self, now: int) -> bool:
        held = self._lease.hold()
        if held and not self._leads:
            self._store.check()
            self._plan = Plan()
            self._load(now)
            self._backlog = Backlog(self._store.ticks("pending"), self._store.ticks("running"))
            self._forget(now, force=True)
            log.info("this runner leads: %d triggers, %d ticks left over", len(self._plan), len(self._backlog))
        elif self._leads and not held:
            log.warning("another runner leads now; this one stands by")
        if not held:
            self._plan, self._backlog = Plan(), Backlog()
        self._leads = held
        self.metrics.set("leader", float(held))
        return held

    def _forget(self, now: int, *, force: bool = False) -> None:
        """Old ticks: at each change of leader, and every hour of a long reign; many of them in many rounds."""
        if force or self._clock.monotonic() >= self._sweep_at:
            more = self._store.forget(now - _KEEP, at_most=_FORGOTTEN) == _FORGOTTEN
            self._sweep_at = self._clock.monotonic() + (0 if more else _SWEEP)

    def _load(self, now: int) -> None:
        entries = self._watch.good.entries
        self._changes = self._store.changes()
        fresh = self._plan.load(entries, self._store.triggers(), now)
        self._store.begin_triggers(fresh)

    def _file(self, now: int) -> None:
        force, self._reload = self._reload, False
        trouble = self._watch.trouble
        new = self._watch.changed(force=force)
        if new is not None:
            self.metrics.add("reloads_total", result="ok")
            log.info("read %s again: %d triggers", self.path, len(new.entries))
            self.metrics.set("triggers", len(new.entries))
            if self._leads:
                self._load(now)
        elif self._watch.trouble is not None and self._watch.trouble != trouble:
            self.metrics.add("reloads_total", result="refused")
        self.metrics.set("file_refused", float(self._watch.trouble is not None))

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
        while not self._store.decide(decision.cursors, decision.ticks):
            log.info("the state was changed meanwhile; reading it again")
            if not self._lease.hold():
                return  # by another leader; the next round stands by
            self._load(now)
            decision = self._plan.decide(now, self._store.paused())
        for row in decision.ticks:
            self._backlog.add(row)
        for entry, missed, then in decision.passed_over:
            self.metrics.add("passed_over_total")
            log_passed_over(log, entry, missed, then)

    def _dispatch(self, now: int) -> None:
        for row in self._backlog.ready(now, self._parallelism, self._limited):
            entry = self._plan.entry(row.trigger)
            if entry is None:
                note = "the trigger is no longer in the file"
                self._tell(Result(trigger=row.trigger, tick=row.tick, outcome=Outcome.SKIPPED, note=note))
                continue
            self._workers.submit((entry, row.tick, self._backlog.going(row.trigger)))

    def _limited(self, name: str) -> bool:
        entry = self._plan.entry(name)
        return entry is not None and entry.max_concurrency is not None

    def _launch(self, job: tuple[Entry, int, tuple[RunRef, ...]]) -> None:
        entry, tick, going = job
        begin = self._clock.monotonic()
        try:
            result = launch_tick(self._client, entry, tick, going)
        except Exception as error:  # a bug must not lose the tick: it stays written down, and is tried again
            log.exception("tick of %s: unexpected error", entry.name)
            result = Result(
                trigger=entry.name, tick=tick, outcome=Outcome.RETRY, note=f"{type(error).__name__}: {error}"
            )
        self._tell(replace(result, seconds=self._clock.monotonic() - begin))

    def _tell(self, result: Result) -> None:
        self._results.put(result)
        self._wake.set()

    def _collect(self) -> None:
        """Writes down what became of ticks, in one transaction."""
        rows: list[TickRow] = []
        now = self._clock.now()
        while not self._results.empty():
            result = self._results.get()
            rows += self._backlog.settle(result, int(now), limited=self._limited(result.trigger))
            late = now - result.tick
            self.metrics.attempt(result, late)
            log_result(log, result, late, self._client.console_url(result.run) if result.run else "")
        self._store.record(rows)
