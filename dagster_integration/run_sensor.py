"""`build_flyte_run_sensor`: runs that Dagster did not start (Flyte's schedules, people, other tools) become events of its assets.

No run may be lost and none told twice, whatever dies or answers late. Runs are read in the order in which they ended, and the
cursor moves only over runs whose events are in the same result. Flyte stores an end a moment after its time, so each tick looks
back some minutes, and the cursor remembers the runs of those minutes. The daemon stores events before it stores the cursor: what
it had stored when it died is recognised in the event log.
"""

from __future__ import annotations

import fnmatch
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import BridgeError, Client, InvalidRequest, RunPhase, RunQuery, classify, may_pass, seconds
from bridge_core import ErrorClass as Kind

from ._metrics import Metrics
from ._origin import awaited_by
from ._sightings import AssetEvent, FlyteRunSeen, already_told, events_of, plan_of
from .results import LONGEST, Shown

if TYPE_CHECKING:
    from bridge_core import Provenance, RunSnapshot

    from ._pieces import Piece
    from .resource import FlyteResource

__all__ = ["FlyteRunSeen", "build_flyte_run_sensor"]

_ENDED = tuple(phase for phase in RunPhase if phase.is_terminal)
_BUDGET = 30.0  # seconds: Dagster gives a sensor 60
_MOST = 500  # runs told in one tick
_SKEW = 60.0  # seconds between the clocks of a code server and of the daemon


@dataclass(slots=True)
class _Cursor:
    """What is kept between ticks.

    Attributes:
        at: When the newest run ended that was told; seconds since 1970.
        begin: Runs that ended before are none of ours.
        seen: Names of runs that ended within the overlap -> when; they were told.
        ticked: When the tick began that made this cursor.
    """

    at: float
    begin: float
    ticked: float
    seen: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None, now: float, lookback: float) -> _Cursor:
        """Of another release, or none: from `lookback` on; the event log tells what was told already."""
        try:
            told = json.loads(text or "")
            seen = {str(name): float(at) for name, at in told["seen"].items()}
            return cls(at=float(told["at"]), begin=float(told["begin"]), ticked=float(told["ticked"]), seen=seen)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(at=now - lookback, begin=now - lookback, ticked=now - lookback)

    def moved(self, told: Sequence[RunSnapshot], now: float, overlap: float) -> str:
        """After these runs, as Dagster stores it."""
        ends = {run.ref.name: _end(run) for run in told}
        at = max((self.at, *ends.values()))
        seen = {name: end for name, end in {**self.seen, **ends}.items() if end >= at - overlap}
        return json.dumps({"at": at, "begin": self.begin, "ticked": now, "seen": seen}, separators=(",", ":"))


def build_flyte_run_sensor(
    assets: Mapping[str, Any] | None = None,
    *,
    name: str = "flyte_runs",
    resource_key: str = "flyte",
    events: Callable[[FlyteRunSeen], Iterable[AssetEvent]] | None = None,
    partition: Callable[[FlyteRunSeen], str | Iterable[str] | None] | None = None,
    failures: bool = True,
    own_runs: bool = False,
    metadata_outputs: bool | Sequence[str] = True,
    metadata_limit: int = LONGEST,
    project: str | None = None,
    domain: str | None = None,
    lookback: float | timedelta = 0.0,
    overlap: float | timedelta = 300.0,
    minimum_interval_seconds: int = 30,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """A sensor that tells Dagster of runs that ended in Flyte and that it did not start itself.

    A run that succeeded is a materialization of its assets (and a result of its checks), one that ended badly an observation.
    Each run is told once, however often the daemon or Flyte dies. Runs that this Dagster launched are left out.

    Args:
        assets: Name of a launch plan, workflow or task (or a pattern with ``*``) -> the asset that its runs are: a key, an
            `AssetSpec`, or as in `build_flyte_assets` a mapping of outputs or a list of specs.
        name: Of the sensor.
        resource_key: Under which key the `FlyteResource` is found.
        events: Instead of `assets`: a function that is given each run and returns its events.
        partition: Gives the partition key (or keys) of a run, from its inputs for instance; None: none.
        failures: Whether runs that ended badly become observations.
        own_runs: Whether runs that this Dagster launched are told, too.
        metadata_outputs: Which outputs become metadata: all, none (False; then none is fetched), or those named.
        metadata_limit: Characters of one output that the event log keeps at most.
        project: None: the resource's.
        domain: None: the resource's.
        lookback: Seconds (or timedelta) before the very first tick from which runs are told.
        overlap: Seconds (or timedelta) that each tick looks back: how late Flyte may store that a run ended.
        minimum_interval_seconds: Between two ticks.
        default_status: STOPPED, as everywhere in Dagster.

    Raises:
        InvalidRequest: Neither `assets` nor `events` is given, or both; or a setting cannot be read.

    Example:
        >>> from dagster_integration import build_flyte_run_sensor
        >>> build_flyte_run_sensor({"pkg.train": "model"}, partition=lambda run: run.inputs["day"]).name
        'flyte_runs'
    """
    where = f"run sensor {name!r}"
    if (assets is None) == (events is None):
        raise InvalidRequest(f"{where}: give assets=, or events=, a function")
    plan = plan_of(assets, where) if assets is not None else {}
    shown = Shown.of(metadata_outputs, limit=metadata_limit)
    back, again = seconds(lookback, "lookback") or 0.0, seconds(overlap, "overlap") or 0.0

    def told(seen: FlyteRunSeen) -> Iterable[AssetEvent]:
        if events is not None:
            return events(seen)
        pieces = _pieces_for(seen.snapshot, plan)
        return events_of(seen, pieces, partition, shown, failures=failures) if pieces else ()

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        resource: FlyteResource = getattr(context.resources, resource_key)
        now = time.time()
        cursor = _Cursor.read(context.cursor, now, back)
        ours = None if own_runs else awaited_by(context.instance)
        with Client(resource.get_config()) as client:
            where = (project or client.config.project, domain or client.config.domain)
            tick = _Tick(
                client,
                cursor,
                told=told,
                ours=ours,
                overlap=again,
                wanted=lambda run: not plan or bool(_pieces_for(run, plan)),
            )
            found, runs, trouble = tick.read(*where)
        fresh = already_told(context.instance, found, cursor.ticked - _SKEW) if found else []
        Metrics().count("observed", len(fresh))
        text = trouble or ("" if fresh else "no run ended that is to be told")
        return dg.SensorResult(
            asset_events=fresh,
            cursor=cursor.moved(runs, now if not trouble else cursor.ticked, again),
            skip_reason=dg.SkipReason(text) if text and not fresh else None,
        )

    evaluate.__name__ = name
    made: dg.SensorDefinition = dg.sensor(
        name=name,
        required_resource_keys={resource_key},
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description="Tells of Flyte runs that Dagster did not start.",
    )(evaluate)
    return made


class _Tick:
    """One look at Flyte."""

    def __init__(
        self,
        client: Client,
        cursor: _Cursor,
        *,
        told: Callable[[FlyteRunSeen], Iterable[AssetEvent]],
        ours: Provenance | None,
        overlap: float,
        wanted: Callable[[RunSnapshot], bool],
    ) -> None:
        self._client = client
        self._cursor = cursor
        self._told = told
        self._ours = ours
        self._overlap = overlap
        self._wanted = wanted

    def read(self, project: str | None, domain: str | None) -> tuple[list[AssetEvent], list[RunSnapshot], str]:
        """Events, the runs that they are of (and those that are none of ours), and why it ended early."""
        found: list[AssetEvent] = []
        runs: list[RunSnapshot] = []
        end = time.monotonic() + _BUDGET
        count = 0
        try:
            lists_tell_all = (
                self._client.capabilities.finds_by_label
            )  # else they have no labels, which say whose a run is
            for run in self._ended(project, domain):
                if count >= _MOST or time.monotonic() > end:
                    break
                if self._wanted(run):
                    whole = run if run.phase.is_success and lists_tell_all else self._client.describe(run.ref)
                    if not self._is_own(whole):
                        found += list(self._told(FlyteRunSeen(whole, self._client)))  # all of a run, or nothing
                        count += 1
                runs.append(run)  # only now: what could not be read is read again
        except BridgeError as error:
            if not may_pass(error) and classify(error).error_class is not Kind.REFUSED_BY_FLYTE:
                raise
            return found, runs, f"Flyte cannot be asked now, nothing is lost: {error}"
        return found, runs, ""

    def _ended(self, project: str | None, domain: str | None) -> Iterator[RunSnapshot]:
        since = max(self._cursor.begin, self._cursor.at - self._overlap)
        after = datetime.fromtimestamp(since, UTC)
        query = RunQuery(phases=_ENDED, where=(("ended_at", "gte", after),), sort_by="ended_at", newest_first=False)
        for run in self._client.list_runs(project=project, domain=domain, limit=10**6, query=query):
            if run.ref.name not in self._cursor.seen:
                yield run

    def _is_own(self, run: RunSnapshot) -> bool:
        by = run.provenance
        return (
            self._ours is not None
            and by is not None
            and by.source == self._ours.source
            and by.installation == self._ours.installation
        )


def _pieces_for(run: RunSnapshot, plan: Mapping[str, tuple[Piece, ...]]) -> tuple[Piece, ...]:
    name = run.entity.name if run.entity is not None else ""
    if name in plan:
        return plan[name]
    return next((pieces for pattern, pieces in plan.items() if fnmatch.fnmatchcase(name, pattern)), ())


def _end(run: RunSnapshot) -> float:
    stamp = run.ended_at or run.created_at
    return stamp.timestamp() if stamp is not None else 0.0
