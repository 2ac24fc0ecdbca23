"""`build_flyte_multi_asset`: many Flyte runs, one step, one process. Each asset has a run of its own and an end of its own.

Dagster holds a process for each step that waits; a hundred waiting runs are a hundred of them. Here one step launches all, and
one question asks about up to two hundred of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import dagster as dg

from bridge_core import EntityRef, InvalidRequest

from ._arguments import AssetArguments, check_arguments
from ._launch import Job, runs_to_end
from ._settings import for_several, settings_of, without_warnings
from ._work import OnReexecute, Options, OptionsOf, Work, flyte_of
from .results import LONGEST, Shown, materialize_result

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import ErrorClass

    from ._step import Outcome

__all__ = ["FlyteRun", "build_flyte_multi_asset"]


@dataclass(frozen=True, slots=True)
class FlyteRun:
    """The run that makes one of many assets.

    Attributes:
        entity: What to run, as in `build_flyte_assets`.
        inputs: A mapping, or a function of the context that returns it.
        options: Of the run, where they are not those of all.
        spec: What Dagster knows of the asset besides its key.
    """

    entity: str | EntityRef
    inputs: Mapping[str, Any] | Callable[[dg.AssetExecutionContext], Mapping[str, Any]] | None = None
    options: Options | OptionsOf | None = None
    spec: Mapping[str, Any] | None = None


def build_flyte_multi_asset(
    runs: Mapping[str, FlyteRun],
    *,
    resource_key: str = "flyte",
    options: Options | OptionsOf | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
    retry_on: Collection[ErrorClass | str] | None = None,
    on_reexecute: OnReexecute = "fresh",
    metadata_outputs: bool | Sequence[str] = True,
    metadata_limit: int = LONGEST,
    **asset: Unpack[AssetArguments],
) -> dg.AssetsDefinition:
    """Many assets, each made by a run of its own, in one step that launches and waits for all of them.

    Some of them may be chosen. When some runs end badly, the others are materialized, and the step fails and names each; a retry
    or re-execution attaches to those that succeeded and launches only what failed. A person who cancels aborts all of them.

    Args:
        runs: Asset key (``"ml/model"`` or ``"model"``) -> its run.
        resource_key: Under which key the `FlyteResource` is found.
        options: Of runs that have none of their own.
        timeout: Seconds (or timedelta) for all of it; then the step fails, and the runs go on.
        poll_interval: Seconds (or timedelta) between questions.
        retry_on: After which classes of errors ``retry_policy`` launches again.
        on_reexecute: What is done after a run that ended badly.
        metadata_outputs: Which outputs become metadata.
        metadata_limit: Characters of one output that the event log keeps at most.
        **asset: As in `build_flyte_assets` with several assets: ``name`` of the step, which is needed, ``partitions_def``,
            ``retry_policy``, ``deps``, ``group_name``, ….

    Raises:
        InvalidRequest: There is no run, or a setting cannot be read.

    Example:
        >>> from dagster_integration import FlyteRun, build_flyte_multi_asset
        >>> models = {f"model_{region}": FlyteRun("pkg.train", inputs={"region": region}) for region in ("eu", "us")}
        >>> sorted(key.to_user_string() for key in build_flyte_multi_asset(models, name="models").keys)
        ['model_eu', 'model_us']
    """
    name = asset.get("name")
    where = f"Flyte multi asset {name!r}"
    if not name:
        raise InvalidRequest(f"{where}: name= is needed; runs are named after it")
    if not runs or not all(isinstance(run, FlyteRun) for run in runs.values()):
        raise InvalidRequest(f"{where}: runs= must map keys of assets to FlyteRuns, one at least")
    check_arguments(asset, where, several=True)
    common: dict[str, Any] = {
        "resource_key": resource_key,
        "timeout": timeout,
        "poll_interval": poll_interval,
        "retry_on": retry_on,
        "on_reexecute": on_reexecute,
        "shown": Shown.of(metadata_outputs, limit=metadata_limit),
    }
    works = {
        dg.AssetKey.from_user_string(key): Work(
            entity=EntityRef.of(run.entity), options=run.options if run.options is not None else options, **common
        )
        for key, run in runs.items()
    }
    given = {dg.AssetKey.from_user_string(key): run for key, run in runs.items()}

    def compute(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        keys = [key for key in works if key in context.selected_asset_keys]
        jobs = [_job(context, key, works[key], given[key]) for key in keys]
        _, client = flyte_of(context, works[keys[0]].entity, resource_key)
        ends = dict(zip(keys, runs_to_end(context, client, jobs), strict=True))
        failures = {key: end for key, end in ends.items() if isinstance(end, dg.Failure)}
        for key, end in ends.items():
            if not isinstance(end, dg.Failure):
                yield _result(key, end, works[key].shown)
        if failures:
            raise _together(failures, len(ends))

    compute.__annotations__.clear()  # texts here, and Dagster reads them as types
    specs = [dg.AssetSpec(key, **{**(run.spec or {}), "metadata": _about(run)}) for key, run in given.items()]
    settings = settings_of(asset, resource_key, (), asset.get("description") or f"{len(runs)} Flyte runs")
    rest, specs = for_several(settings, specs)
    with without_warnings(asset):
        made: dg.AssetsDefinition = dg.multi_asset(specs=specs, can_subset=True, **rest)(compute)
    return made


def _about(run: FlyteRun) -> dict[str, Any]:
    return {"flyte/entity": str(EntityRef.of(run.entity)), **((run.spec or {}).get("metadata") or {})}


def _job(context: dg.AssetExecutionContext, key: dg.AssetKey, work: Work, run: FlyteRun) -> Job:
    inputs = run.inputs(context) if callable(run.inputs) else (run.inputs or {})
    how, inputs = work.prepared(context, inputs)
    return Job(part=key.to_user_string(), entity=work.entity, inputs=inputs, how=how)


def _result(key: dg.AssetKey, end: Outcome, shown: Shown) -> dg.MaterializeResult[Any]:
    found = materialize_result(end.snapshot, end.outputs or {}, differing=end.differing, shown=shown)
    return dg.MaterializeResult(asset_key=key, metadata=found.metadata, data_version=found.data_version)


def _together(failures: Mapping[dg.AssetKey, dg.Failure], count: int) -> dg.Failure:
    """One failure that names each."""
    metadata: dict[str, Any] = {}
    lines: list[str] = []
    for key, failure in failures.items():
        asset = key.to_user_string()
        lines.append(f"{asset}: {failure.description}")
        metadata |= {f"{asset}/{name.removeprefix('flyte/')}": value for name, value in failure.metadata.items()}
    text = f"{len(failures)} of {count} Flyte runs did not end well\n" + "\n".join(lines)
    again = any(failure.allow_retries for failure in failures.values())
    return dg.Failure(text, metadata, allow_retries=again)
