"""`build_flyte_reaper_sensor`: aborts Flyte runs that nobody in Dagster wants any more. The second line of defence.

A step aborts its run when a person stops it. It cannot when Flyte is away at that moment, when its process is killed, or when
somebody deletes the Dagster run. Nothing here rests on run tags: Flyte runs say by a label that this Dagster waits for them, and
the event log of a Dagster run says which Flyte runs it made, before they are made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

import dagster as dg

from bridge_core import (
    BridgeError,
    Client,
    ErrorClass,
    InvalidRequest,
    Provenance,
    RunNotFound,
    RunPhase,
    RunQuery,
    RunRef,
    classify,
    seconds,
)

from ._compat import report
from ._failures import BY_REAPER
from ._metrics import Metrics
from ._notes import noted_runs
from ._origin import awaited_by
from ._orphans import Candidate, Unwanted, runs_at_work, unwanted

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from .resource import FlyteResource

__all__ = ["build_flyte_reaper_sensor"]

Orphans = Literal["abort", "leave", "report"]
_LIVE = tuple(phase for phase in RunPhase if not phase.is_terminal)
_ENDED = [dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE]
_RUNS = 1000  # Flyte runs, and Dagster runs, looked at in one tick
_BUDGET = 30.0  # seconds: Dagster gives a sensor 60
_OVERLAP = 60.0  # seconds looked back: a status may be stored later than its time says
_ON_ITS_WAY = 600.0  # seconds after its Dagster run ended in which a Flyte run may still come into being
_LOOKBACK = timedelta(days=7)  # of the very first tick


@dataclass(slots=True)
class _Cursor:
    """What is kept between ticks.

    Attributes:
        since: Dagster runs that ended before were looked at.
        owed: Flyte run -> Dagster run, step, shared: may live, and nobody waits for it.
        gone: Flyte run -> when we first saw that Dagster does not know its Dagster run.
        told: Orphans that were reported, and are still there.
        due: Flyte run -> when it was first to be aborted; it was not yet.
    """

    since: float
    owed: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    due: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None, now: float) -> _Cursor:
        """A cursor that cannot be read is begun anew: everything is looked at again, and nothing is lost."""
        try:
            told = json.loads(text or "")
            owed = {ref: (str(run), str(step), bool(shared)) for ref, (run, step, shared) in told["owed"].items()}
            gone = {ref: float(at) for ref, at in told["gone"].items()}
            due = {ref: float(at) for ref, at in told.get("due", {}).items()}
            reported = {str(ref) for ref in told.get("told", ())}
            return cls(since=float(told["since"]), owed=owed, gone=gone, told=reported, due=due)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(since=now - _LOOKBACK.total_seconds())

    def text(self) -> str:
        """As Dagster stores it."""
        kept = {"since": self.since, "owed": self.owed, "gone": self.gone, "told": sorted(self.told), "due": self.due}
        return json.dumps(kept)

    def forget(self, ref: str) -> None:
        """It was seen to."""
        for noted in (self.owed, self.gone, self.due):
            noted.pop(ref, None)
        self.told.discard(ref)

    def overdue(self, now: float) -> float:
        """Seconds by which the abort is late that is owed for the longest time; 0 when none is."""
        return max((now - at for at in self.due.values()), default=0.0)


def build_flyte_reaper_sensor(
    *,
    name: str = "flyte_reaper",
    resource_key: str = "flyte",
    failed_after: float | timedelta | None = 3600.0,
    orphans: Orphans = "abort",
    places: Sequence[str] = (),
    minimum_interval_seconds: int = 60,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """A sensor that aborts Flyte runs which no Dagster run wants any more.

    * Its Dagster run was cancelled, or stopped with Ctrl-C, and the abort could not be sent: aborted as soon as Flyte answers.
    * Its Dagster run failed (worker killed, evicted), and nobody re-executed it within `failed_after`.
    * Its Dagster run was deleted: after two looks, `failed_after` apart at least.

    A run is left alone while any re-execution of its Dagster run is under way, when its asset does not wait for it alone
    (``work=``), and when another Dagster launched it.

    Args:
        name: Of the sensor.
        resource_key: Under which key the `FlyteResource` is found.
        failed_after: Seconds (or timedelta) that the run of a failed Dagster run is kept for a re-execution. None: for ever.
        orphans: What is done with runs of Dagster runs that failed or were deleted: ``"abort"``; ``"report"`` tells of each once,
            in the log of its Dagster run and of the sensor, and leaves it; ``"leave"``. A run whose Dagster run a person stopped
            is aborted in any case.
        places: Further ``project/domain`` to look for runs of deleted Dagster runs; the resource's own is always looked at.
        minimum_interval_seconds: Between two ticks.
        default_status: STOPPED, as everywhere in Dagster.

    Raises:
        InvalidRequest: `failed_after`, `orphans` or one of `places` cannot be read.

    Example:
        >>> from dagster_integration import build_flyte_reaper_sensor
        >>> build_flyte_reaper_sensor(failed_after=600).name
        'flyte_reaper'
    """
    patience = seconds(failed_after, "failed_after")
    where = [_place(text) for text in places]
    if orphans not in get_args(Orphans):
        modes = ", ".join(map(repr, get_args(Orphans)))
        raise InvalidRequest(f"orphans: wanted one of {modes}, got {orphans!r}")

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        resource: FlyteResource = getattr(context.resources, resource_key)
        cursor = _Cursor.read(context.cursor, time.time())
        with Client(resource.get_config()) as client:
            sweep = _Sweep(context, client, cursor, patience, orphans)
            text = sweep.run([(client.config.project, client.config.domain), *where])
        context.update_cursor(cursor.text())
        return dg.SkipReason(text)

    evaluate.__name__ = name
    made: dg.SensorDefinition = dg.sensor(
        name=name,
        required_resource_keys={resource_key},
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description="Aborts Flyte runs that no Dagster run wants any more.",
    )(evaluate)
    return made


class _Sweep:
    """One tick."""

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        client: Client,
        cursor: _Cursor,
        failed_after: float | None,
        orphans: Orphans,
    ) -> None:
        self._instance: DagsterInstance = context.instance
        self._log = context.log
        self._client = client
        self._cursor = cursor
        self._failed_after = failed_after
        self._orphans = orphans
        self._metrics = Metrics()
        self._now = time.time()
        self._end = time.monotonic() + _BUDGET
        self._aborted: list[str] = []
        self._reported: list[str] = []
        self._refused: dict[str, BridgeError] = {}

    def run(self, places: Sequence[tuple[str | None, str | None]]) -> str:
        """Looks at all candidates; a sentence for the UI."""
        self._read_ended_runs()
        try:
            self._look_at([*self._owed(), *self._awaited(places)])
        except BridgeError as error:
            if classify(error).error_class not in (ErrorClass.COULD_NOT_ASK, ErrorClass.REFUSED_BY_FLYTE):
                raise
            owed = len(self._cursor.owed)
            return f"Flyte cannot be asked now; {owed} runs may have to be aborted and are looked at again: {error}"
        finally:
            self._metrics.gauge("owed", len(self._cursor.owed))
            self._metrics.gauge("abort_overdue", self._cursor.overdue(self._now))
        done = f"aborted {', '.join(self._aborted)}" if self._aborted else "nothing to abort"
        if self._reported:
            done += f"; nobody waits for {', '.join(self._reported)}"
        for what, refusal in self._refused.items():
            done += f"; Flyte refuses {what}, which is tried again: {refusal}"
        return f"{done}; {len(self._cursor.owed)} runs of ended Dagster runs are kept for re-executions"

    def _look_at(self, candidates: Sequence[Candidate]) -> None:
        at_work = runs_at_work(self._instance, {candidate.dagster_run for candidate in candidates})
        for candidate in candidates:
            if time.monotonic() > self._end:
                return
            if candidate.dagster_run in at_work:
                continue
            try:
                self._see_to(candidate)
            except BridgeError as error:
                self._note_refusal(f"to end run {candidate.ref}", error)
        there = {str(candidate.ref) for candidate in candidates}
        self._cursor.due = {ref: at for ref, at in self._cursor.due.items() if ref in there}

    def _note_refusal(self, what: str, error: BridgeError) -> None:
        """What Flyte refuses of one run, or in one project, keeps no other run from being aborted. Other errors are raised."""
        if classify(error).error_class is not ErrorClass.REFUSED_BY_FLYTE:
            raise error
        self._refused[what] = error
        self._log.warning("Flyte refuses %s: %s", what, error)

    def _read_ended_runs(self) -> None:
        """Takes note of the Flyte runs of Dagster runs that ended since the last tick."""
        after = datetime.fromtimestamp(self._cursor.since - _OVERLAP, UTC)
        filters = dg.RunsFilter(statuses=_ENDED, updated_after=after)
        records = self._instance.get_run_records(filters, limit=_RUNS, order_by="update_timestamp", ascending=True)
        for record in records:
            run_id = record.dagster_run.run_id
            for noted in noted_runs(self._instance, run_id):
                self._cursor.owed.setdefault(str(noted.ref), (run_id, noted.step, noted.shared))
        full = len(records) == _RUNS
        self._cursor.since = records[-1].update_timestamp.timestamp() if full else self._now

    def _owed(self) -> Iterator[Candidate]:
        for text, (run_id, step, shared) in list(self._cursor.owed.items()):
            yield Candidate(ref=RunRef.parse(text), dagster_run=run_id, step=step, shared=shared)

    def _awaited(self, places: Sequence[tuple[str | None, str | None]]) -> Iterator[Candidate]:
        """Live runs that say that this Dagster waits for them, whatever became of its event log."""
        ours = awaited_by(self._instance)
        if ours is None:
            return
        label = Provenance.AWAITED_LABEL
        query = RunQuery(phases=_LIVE, labels={label: ours.labels()[label]})
        seen: set[str] = set()
        for project, domain in dict.fromkeys(places):
            if not project or not domain:
                continue
            try:
                live = list(self._client.list_runs(project=project, domain=domain, limit=_RUNS, query=query))
            except BridgeError as error:
                self._note_refusal(f"a list of the runs in {project}/{domain}", error)
                continue
            for snapshot in live:
                by = snapshot.provenance
                if by is None or by.source != ours.source or by.installation != ours.installation:
                    continue
                seen.add(str(snapshot.ref))
                yield Candidate(ref=snapshot.ref, dagster_run=by.run, step=by.task)
        self._cursor.gone = {ref: since for ref, since in self._cursor.gone.items() if ref in seen}

    def _see_to(self, candidate: Candidate) -> None:
        text = str(candidate.ref)
        if self._instance.get_run_record_by_id(candidate.dagster_run) is None:
            self._cursor.gone.setdefault(text, self._now)
        why = unwanted(
            candidate,
            self._instance,
            now=self._now,
            failed_after=self._failed_after,
            gone_since=self._cursor.gone.get(text),
        )
        try:
            if why is None:
                self._cursor.due.pop(text, None)
                if text in self._cursor.owed and self._client.describe(candidate.ref).phase.is_terminal:
                    del self._cursor.owed[text]
                    self._cursor.told.discard(text)
                return
            aborts = self._orphans == "abort" or why.asked_for
            if aborts:
                self._cursor.due.setdefault(text, self._now)
            phase = self._client.describe(candidate.ref).phase
            if not phase.is_terminal and phase is not RunPhase.ABORTING:
                if not aborts:
                    self._leave(candidate, why)
                    return
                self._client.abort(candidate.ref, reason=f"{why.why} {BY_REAPER}")
                self._aborted.append(text)
                self._metrics.count("reaped")
                self._log.info("aborted Flyte run %s: %s", text, why.why)
        except RunNotFound:
            if self._is_young(candidate.dagster_run):
                self._cursor.due.pop(text, None)
                return  # a launch that was interrupted may still be on its way
            self._log.info("Flyte run %s was never launched", text)
        self._cursor.forget(text)

    def _leave(self, candidate: Candidate, why: Unwanted) -> None:
        text = str(candidate.ref)
        if self._orphans == "leave" or text in self._cursor.told:
            return
        self._cursor.told.add(text)
        self._reported.append(text)
        self._metrics.count("reported")
        url = self._client.console_url(candidate.ref)
        words = f"Flyte run {text} goes on, and nobody waits for it: {why.why}. Console: {url}"
        self._log.warning(words)
        run = self._instance.get_run_by_id(candidate.dagster_run)
        if run is not None:
            report(self._instance, run, words, {"flyte/orphan": dg.MetadataValue.url(url)}, candidate.step)

    def _is_young(self, dagster_run: str) -> bool:
        record = self._instance.get_run_record_by_id(dagster_run)
        return record is not None and self._now - record.update_timestamp.timestamp() < _ON_ITS_WAY


def _place(text: Any) -> tuple[str, str]:
    project, slash, domain = text.partition("/") if isinstance(text, str) else ("", "", "")
    if not project or not slash or not domain or "/" in domain:
        raise InvalidRequest(f"places: wanted 'project/domain', got {text!r}")
    return project, domain
