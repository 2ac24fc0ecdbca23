"""A Flyte workflow as a Dagster asset: materializing it runs the workflow, and its outputs become metadata."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import dagster as dg

from bridge_core import EntityRef

from ._arguments import AssetArguments, check_arguments
from ._description import description_of
from ._lean import lean_assets
from ._partition_inputs import PartitionInputs
from ._pieces import Made, Piece, pieces_of, results
from ._settings import for_several, settings_of, without_warnings
from ._signature import OF_CONTEXT, UserFunction
from ._work import OnReexecute, Options, OptionsOf, Work
from .results import LONGEST, Shown, materialize_result

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import ErrorClass, RegisterRequest

    from .resource import FlyteResource
    from .run_config import FlyteRunConfig

__all__ = ["AssetArguments", "build_flyte_assets", "flyte_assets"]

Inputs = Mapping[str, Any] | Callable[[dg.AssetExecutionContext], Mapping[str, Any]]


def build_flyte_assets(
    entity: str | EntityRef,
    *,
    inputs: Inputs | None = None,
    config: type[FlyteRunConfig] | None = None,
    partition_inputs: Mapping[str, str | Callable[[dg.AssetExecutionContext], Any]] | None = None,
    outputs: Mapping[str, Made] | None = None,
    specs: Sequence[dg.AssetSpec | dg.AssetCheckSpec] | None = None,
    resource_key: str = "flyte",
    options: Options | OptionsOf | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
    retry_on: Collection[ErrorClass | str] | None = None,
    on_reexecute: OnReexecute = "fresh",
    metadata_outputs: bool | Sequence[str] = True,
    metadata_limit: int = LONGEST,
    work: Callable[[dg.AssetExecutionContext], str | None] | None = None,
    described_by: FlyteResource | None = None,
    register: RegisterRequest | Any = None,
    trace_nodes: bool = False,
    **asset: Unpack[AssetArguments],
) -> dg.AssetsDefinition:
    """An asset whose materialization is one run of a Flyte launch plan, workflow or task.

    The run is launched once per piece of work: a step that was killed or evicted attaches to its run when Dagster retries
    it, and a failed run is launched again, under another name, when Dagster retries or re-executes the step.

    Args:
        entity: What to run: an `EntityRef`, or its text form ``[launch_plan:|task:][project/domain/]name[@version]``.
        inputs: The inputs of the run, or a function that is given the context (``context.partition_key`` and all) and
            returns them. It may run again on a retry; the inputs of a run that exists already stay in force.
        config: A class of `FlyteRunConfig.of`: the launchpad shows its fields, and what is set there stands over `inputs`.
        partition_inputs: Which inputs say which partitions a run makes: input -> ``"{key}"``, ``"{keys}"``, ``"{start}"``,
            ``"{end}"`` (of several dimensions ``"{key.region}"``), a text with such words in it, or a function of the context.
            Converted to the registered types. Without ``{key}``, and without a ``backfill_policy``, a range is one run.
        outputs: Several assets of one run: output name -> the key of its asset, or an `AssetSpec`, or an `AssetCheckSpec`,
            which passes when that output is true (or a structure whose ``passed`` is). None: the run is one asset.
        specs: The same as specs, those of `load_flyte_asset_specs` for instance: their metadata ``flyte/output`` or
            ``flyte/node`` say which part of the run each is. Some of the assets may be chosen; the run is the same.
        resource_key: Under which key the `FlyteResource` is found.
        options: How the run is run (`RunOptions`, or its fields as a mapping), or a function of the context that returns it.
        timeout: Seconds (or timedelta) before the step fails; the run goes on, and a retry attaches. None: for ever. It counts
            from the launch, and an outage of Flyte is waited out within it.
        poll_interval: Seconds (or timedelta) between questions. None adapts to the run's age (`PollPolicy`).
        retry_on: Classes of errors after which ``retry_policy`` launches a new run: names of `ErrorClass`, ``"system"`` for
            instance. None: all but the user's own errors (docs/errors.md).
        on_reexecute: What a re-execution or retry does after a run that ended badly: ``"fresh"`` launches again, ``"relaunch"``
            launches what the old run was launched with, ``"recover"`` keeps what succeeded in it and does the rest again.
        metadata_outputs: Which outputs become metadata: all, none (False; then none is fetched), or those named.
        metadata_limit: Characters of one output that the event log keeps at most.
        work: A function of the context that names the piece of work where several Dagsters do it and only one run is wanted;
            None: the Dagster run and its re-executions are the work.
        described_by: A Flyte that is asked, while definitions load, for what the workflow's author wrote about it: the asset's
            description when none is given. None: nobody is asked.
        register: What brings the entity, registered before it is launched: a source or value as ``Client.register`` takes it, or
            a `RegisterRequest`. Tries and re-executions of the step launch the version that was registered first, also when
            the code has changed since; a new Dagster run registers anew.
        trace_nodes: Whether the run and its nodes become OpenTelemetry spans under the current one, when the run has ended.
        **asset: Arguments of `dagster.asset`: ``name`` or ``key`` (default: the last part of the entity's name), ``deps``,
            ``partitions_def``, ``retry_policy``, ``pool``, ….

    Returns:
        One asset of kind ``flyte``; or several, made by one step. Those that take them as parameters get the outputs.

    Raises:
        InvalidRequest: The entity, an option, ``timeout``, ``retry_on`` or the like cannot be read.
        DagsterInvalidDefinitionError: An argument that a Flyte asset cannot have, ``check_specs`` for instance.

    Example:
        >>> from dagster_integration import build_flyte_assets
        >>> build_flyte_assets("pkg.train", inputs={"epochs": 3}).key.to_user_string()
        'train'
    """

    def given(context: dg.AssetExecutionContext) -> Mapping[str, Any]:
        return inputs(context) if callable(inputs) else (inputs or {})

    def configured(context: dg.AssetExecutionContext, config: FlyteRunConfig) -> Mapping[str, Any]:
        found = given(context)
        return {**found, **config.to_inputs()} if isinstance(found, Mapping) else found

    given.__signature__ = OF_CONTEXT  # type: ignore[attr-defined]
    given.__doc__ = configured.__doc__ = ""  # else it is looked for
    given.__annotations__.clear()  # texts, which would be compiled for each of thousands of assets
    configured.__annotations__.clear()
    if config is not None:
        configured.__annotations__["config"] = config
    ref = EntityRef.parse(entity) if isinstance(entity, str) else entity
    if not asset.get("key") and not asset.get("name"):
        asset["name"] = "".join(c if c.isalnum() else "_" for c in ref.name.rpartition(".")[2])
    return flyte_assets(
        ref,
        partition_inputs=partition_inputs,
        outputs=outputs,
        specs=specs,
        resource_key=resource_key,
        options=options,
        timeout=timeout,
        poll_interval=poll_interval,
        retry_on=retry_on,
        on_reexecute=on_reexecute,
        metadata_outputs=metadata_outputs,
        metadata_limit=metadata_limit,
        work=work,
        described_by=described_by,
        register=register,
        trace_nodes=trace_nodes,
        **asset,
    )(given if config is None else configured)


def flyte_assets(
    entity: str | EntityRef,
    *,
    partition_inputs: Mapping[str, str | Callable[[dg.AssetExecutionContext], Any]] | None = None,
    outputs: Mapping[str, Made] | None = None,
    specs: Sequence[dg.AssetSpec | dg.AssetCheckSpec] | None = None,
    resource_key: str = "flyte",
    options: Options | OptionsOf | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
    retry_on: Collection[ErrorClass | str] | None = None,
    on_reexecute: OnReexecute = "fresh",
    metadata_outputs: bool | Sequence[str] = True,
    metadata_limit: int = LONGEST,
    work: Callable[[dg.AssetExecutionContext], str | None] | None = None,
    described_by: FlyteResource | None = None,
    register: RegisterRequest | Any = None,
    trace_nodes: bool = False,
    **asset: Unpack[AssetArguments],
) -> Callable[[Callable[..., Mapping[str, Any]]], dg.AssetsDefinition]:
    """Turns a function that returns the inputs of a Flyte run into the asset that this run makes.

    The function's parameters are those of an asset: ``context`` first if it is wanted, then upstream assets, configuration
    and resources. Arguments are those of `build_flyte_assets`; the asset is called like the function unless told otherwise.

    Raises:
        InvalidRequest: The entity, an option, ``timeout`` or the like cannot be read.
        DagsterInvalidDefinitionError: The function is a coroutine or generator function, which Dagster cannot interrupt; or an
            argument that a Flyte asset cannot have.

    Example:
        >>> from dagster_integration import flyte_assets
        >>> @flyte_assets("pkg.train", group_name="ml")
        ... def model(context):
        ...     return {"day": context.partition_key}
        >>> model.key.to_user_string()
        'model'
    """
    ref = EntityRef.parse(entity) if isinstance(entity, str) else entity
    where = f"Flyte asset of {ref}"
    pieces = pieces_of(outputs, specs, where)
    check_arguments(asset, where, several=bool(pieces))
    shown = Shown.of(metadata_outputs, limit=metadata_limit)
    policy = asset.get("backfill_policy")
    partitions = PartitionInputs.of(partition_inputs, asset.get("partitions_def"), policy, where)
    if partitions is not None and partitions.many and policy is None:
        asset["backfill_policy"] = dg.BackfillPolicy.single_run()
    job = Work(
        entity=ref,
        resource_key=resource_key,
        options=options,
        timeout=timeout,
        poll_interval=poll_interval,
        retry_on=retry_on,
        on_reexecute=on_reexecute,
        shown=shown,
        work=work,
        partitions=partitions,
        reads_outputs=any(piece.output is not None and piece.node is None for piece in pieces),
        nodes=tuple(dict.fromkeys(piece.node for piece in pieces if piece.node is not None)),
        register=register,
        trace_nodes=trace_nodes,
    )

    def decorate(function: Callable[..., Mapping[str, Any]]) -> dg.AssetsDefinition:
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise dg.DagsterInvalidDefinitionError(
                f"{function.__name__}() must be a plain function that returns the inputs of {ref} as a mapping, not a "
                "generator or coroutine function: Dagster cannot interrupt those"
            )
        users = UserFunction(function)
        said = asset.get("description") or inspect.getdoc(function)
        if not said and described_by is not None:
            said = description_of(ref, described_by)
        settings = settings_of(asset, resource_key, users.resources, said or f"Flyte {ref}")
        settings["metadata"] = {"flyte/entity": str(ref), **(asset.get("metadata") or {})}
        # Where neither is given Dagster has nothing to warn of, and keeping it still costs as much as making the asset.
        beta = settings.get("resource_defs") or settings.get("backfill_policy")
        with without_warnings(asset, () if policy else ("backfill_policy",)) if beta else contextlib.nullcontext():
            return _several(job, pieces, users, settings) if pieces else _one(job, users, settings)

    return decorate


def _one(job: Work, users: UserFunction, settings: Mapping[str, Any]) -> dg.AssetsDefinition:
    def compute(context: dg.AssetExecutionContext, **arguments: Any) -> dg.MaterializeResult[Any]:
        outcome = job.run(context, users(context, arguments))
        return materialize_result(
            outcome.snapshot, outcome.outputs or {}, differing=outcome.differing, shown=job.shown, log=context.log
        )

    made: dg.AssetsDefinition = dg.asset(**settings)(users.dress(compute))
    return made


def _several(job: Work, pieces: Sequence[Piece], users: UserFunction, settings: dict[str, Any]) -> dg.AssetsDefinition:
    def compute(context: dg.AssetExecutionContext, **arguments: Any) -> Iterator[Any]:
        outcome = job.run(context, users(context, arguments))
        yield from results(context, pieces, outcome, job.shown)

    rest, specs = for_several(settings, [piece.spec for piece in pieces if isinstance(piece.spec, dg.AssetSpec)])
    checks = [piece.spec for piece in pieces if isinstance(piece.spec, dg.AssetCheckSpec)]
    if not checks and users.takes_nothing and (lean := lean_assets(specs, compute, rest)) is not None:
        return lean
    make = dg.multi_asset(specs=specs, check_specs=checks, can_subset=True, **rest)
    made: dg.AssetsDefinition = make(users.dress(compute, several=True))
    return made
