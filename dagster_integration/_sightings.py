"""What a Flyte run that Dagster did not start becomes in Dagster: materializations, observations and check results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import BridgeError, InvalidRequest, RunOutputs, may_pass

from ._compat import check_history, of_partition
from ._pieces import NODE, OUTPUT, Made, Piece, passed_of, pieces_of
from .results import Shown, output_metadata, run_metadata

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from bridge_core import Client, RunRef, RunSnapshot

__all__ = ["AssetEvent", "FlyteRunSeen", "already_told", "events_of", "plan_of"]

AssetEvent = dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation
_EXECUTION = "flyte/execution"
_PAGE = 1000  # events asked for at once


@dataclass(slots=True)
class FlyteRunSeen:
    """A run that ended, as functions of yours get it; values are fetched when they are asked for, once.

    Attributes:
        snapshot: How it ended.
        client: Of its Flyte.
    """

    snapshot: RunSnapshot
    client: Client
    _values: dict[str, RunOutputs] = field(default_factory=dict)

    @property
    def ref(self) -> RunRef:
        """Which run."""
        return self.snapshot.ref

    @property
    def inputs(self) -> RunOutputs:
        """What it was given, after defaults."""
        if "inputs" not in self._values:
            self._values["inputs"] = self.client.inputs(self.ref)
        return self._values["inputs"]

    @property
    def outputs(self) -> RunOutputs:
        """What it gave. Raises `RunEnded` for a run that ended badly."""
        return self.of_node(None)

    def of_node(self, node: str | None) -> RunOutputs:
        """What a node of it gave; None: the run."""
        key = f"outputs {node or ''}"
        if key not in self._values:
            self._values[key] = self.client.outputs(self.ref, node=node)
        return self._values[key]


Target = Made | Mapping[str, Made] | Sequence[dg.AssetSpec | dg.AssetCheckSpec]
"""What the runs of an entity become: one asset, or several by output, as in `build_flyte_assets`."""


def plan_of(assets: Mapping[str, Any], where: str) -> Mapping[str, tuple[Piece, ...]]:
    """Entity (a name, or a pattern with ``*``) -> pieces.

    Raises:
        InvalidRequest: There is none, or one cannot be read.
    """
    if not isinstance(assets, Mapping):
        raise InvalidRequest(f"{where}: assets= must map names of entities to assets, got {type(assets).__name__}")
    found: dict[str, tuple[Piece, ...]] = {}
    for entity, target in assets.items():
        if isinstance(target, Mapping):
            found[entity] = pieces_of(target, None, f"{where}, {entity}")
        elif isinstance(target, list | tuple) and any(isinstance(x, dg.AssetSpec | dg.AssetCheckSpec) for x in target):
            found[entity] = pieces_of(None, target, f"{where}, {entity}")
        else:
            spec = target if isinstance(target, dg.AssetSpec) else dg.AssetSpec(dg.AssetKey.from_coercible(target))
            found[entity] = pieces_of(None, [spec], f"{where}, {entity}")
    return found


def events_of(
    seen: FlyteRunSeen,
    pieces: Sequence[Piece],
    partition: Callable[[FlyteRunSeen], str | Iterable[str] | None] | None,
    shown: Shown,
    *,
    failures: bool,
) -> Iterator[AssetEvent]:
    """The events of one run.

    Args:
        seen: The run.
        pieces: What it becomes.
        partition: Gives the partition, or several, of a run.
        shown: Which outputs become metadata.
        failures: Whether a run that ended badly is observed.

    Raises:
        BridgeError: Flyte could not be asked now. What can never be read is told in the event instead.
    """
    about: dict[str, Any] = run_metadata(seen.snapshot)
    well = seen.snapshot.phase.is_success
    if not well and not failures:
        return
    given = partition(seen) if partition is not None else None
    partitions: list[str | None] = [given] if given is None or isinstance(given, str) else list(given)
    if not well:
        about["flyte/error"] = dg.MetadataValue.text(seen.snapshot.describe())
    for piece in pieces:
        values: Mapping[str, Any] = {}
        if well and (shown.any or piece.output is not None):
            values, trouble = _values(seen, piece)
            about |= {"flyte/outputs_not_read": dg.MetadataValue.text(trouble)} if trouble else {}
        for each in partitions:
            yield from _events(piece, values, about, shown, each, well=well)


def _values(seen: FlyteRunSeen, piece: Piece) -> tuple[Mapping[str, Any], str]:
    try:
        values: Mapping[str, Any] = seen.of_node(piece.node)
    except BridgeError as error:
        if may_pass(error):
            raise
        return {}, str(error)
    if piece.output is None:
        return values, ""
    if piece.output not in values:
        return {}, f"the run has no output {piece.output!r}; it has {', '.join(values) or 'none'}"
    return {piece.output: values[piece.output]}, ""


def _events(
    piece: Piece,
    values: Mapping[str, Any],
    about: Mapping[str, Any],
    shown: Shown,
    partition: str | None,
    *,
    well: bool,
) -> Iterator[AssetEvent]:
    wanted = {name: value for name, value in values.items() if shown.names is None or name in shown.names}
    metadata = {**about, **output_metadata(wanted, limit=shown.limit)}
    metadata |= {OUTPUT: piece.output} if piece.output else {}
    metadata |= {NODE: piece.node} if piece.node else {}
    if isinstance(piece.spec, dg.AssetCheckSpec):
        if well and values:
            more: dict[str, Any]
            try:
                passed, more = passed_of(piece, values)
            except dg.Failure as failure:  # one odd run must not keep the sensor from all that come after it
                passed, more = False, {"flyte/error": failure.description}
            yield dg.AssetCheckEvaluation(
                asset_key=piece.spec.asset_key,
                check_name=piece.spec.name,
                passed=passed,
                metadata={**about, **output_metadata(more)},
                **of_partition(partition),
            )
        return
    kind = dg.AssetMaterialization if well else dg.AssetObservation
    yield kind(asset_key=piece.spec.key, metadata=metadata, partition=partition)


def already_told(instance: DagsterInstance, events: Sequence[AssetEvent], since: float) -> list[AssetEvent]:
    """Those of the events that Dagster does not have yet: a daemon that died between storing events and storing the cursor.

    Args:
        instance: Of this Dagster.
        events: Of runs that the cursor does not know.
        since: Seconds since 1970; what was stored before is of runs that it does know.
    """
    known: set[tuple[Any, ...]] = set()
    for key in {event.asset_key for event in events}:
        which = dg.AssetRecordsFilter(asset_key=key, after_timestamp=since)
        for record in _all(instance.fetch_materializations, which):
            if record.asset_materialization is not None:
                known.add(_identity(record.asset_materialization))
        for record in _all(instance.fetch_observations, which):
            observed = record.event_log_entry.asset_observation
            if observed is not None:
                known.add(_identity(observed))
    for check in {event.asset_check_key for event in events if isinstance(event, dg.AssetCheckEvaluation)}:
        for found in check_history(instance, check, since):
            told = found.event.dagster_event if found.event else None
            if told is not None:
                known.add(_identity(told.asset_check_evaluation_data))
    return [event for event in events if _identity(event) not in known]


def _all(fetch: Callable[..., Any], which: dg.AssetRecordsFilter) -> Iterator[Any]:
    """All of them, however many: one that is overlooked would be told twice."""
    cursor, more = None, True
    while more:
        page = fetch(which, limit=_PAGE, cursor=cursor)
        yield from page.records
        cursor, more = page.cursor, page.has_more


def _identity(event: Any) -> tuple[Any, ...]:
    metadata = event.metadata
    value = metadata.get(_EXECUTION)
    ref = value.value if isinstance(value, dg.MetadataValue) else value
    check = event.check_name if isinstance(event, dg.AssetCheckEvaluation) else ""
    return type(event).__name__, event.asset_key, check, getattr(event, "partition", None), ref
