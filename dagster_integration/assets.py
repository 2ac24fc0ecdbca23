"""A Flyte workflow as a Dagster asset: materializing it runs the workflow, and its outputs become metadata."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import dagster as dg

from bridge_core import BridgeError, EntityRef, InvalidRequest, RunOptions, seconds

from ._arguments import AssetArguments, check_arguments
from ._description import description_of
from ._failures import error_classes, failure_of_error
from ._launch import How, run_to_end
from ._no_value import asset_without_value
from ._signature import UserFunction
from .resource import FlyteResource
from .results import LONGEST, Shown, materialize_result

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import Client, ErrorClass

__all__ = ["AssetArguments", "build_flyte_assets", "flyte_assets"]

Inputs = Mapping[str, Any] | Callable[[dg.AssetExecutionContext], Mapping[str, Any]]
Options = RunOptions | Mapping[str, Any]
OptionsOf = Callable[[dg.AssetExecutionContext], Options]


def build_flyte_assets(
    entity: str | EntityRef,
    *,
    inputs: Inputs | None = None,
    resource_key: str = "flyte",
    options: Options | OptionsOf | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
    retry_on: Collection[ErrorClass | str] | None = None,
    metadata_outputs: bool | Sequence[str] = True,
    metadata_limit: int = LONGEST,
    work: Callable[[dg.AssetExecutionContext], str | None] | None = None,
    described_by: FlyteResource | None = None,
    **asset: Unpack[AssetArguments],
) -> dg.AssetsDefinition:
    """An asset whose materialization is one run of a Flyte launch plan, workflow or task.

    The run is launched once per piece of work: a step that was killed or evicted attaches to its run when Dagster retries
    it, and a failed run is launched again, under another name, when Dagster retries or re-executes the step.

    Args:
        entity: What to run: an `EntityRef`, or its text form ``[launch_plan:|task:][project/domain/]name[@version]``.
        inputs: The inputs of the run, or a function that is given the context (``context.partition_key`` and all) and
            returns them. It may run again on a retry; the inputs of a run that exists already stay in force.
        resource_key: Under which key the `FlyteResource` is found.
        options: How the run is run (`RunOptions`, or its fields as a mapping), or a function of the context that returns it.
        timeout: Seconds (or timedelta) before the step fails; the run goes on, and a retry attaches. None: for ever. It counts
            from the launch, and an outage of Flyte is waited out within it.
        poll_interval: Seconds (or timedelta) between questions. None adapts to the run's age (`PollPolicy`).
        retry_on: Classes of errors after which ``retry_policy`` launches a new run: names of `ErrorClass`, ``"system"`` for
            instance. None: all but the user's own errors (docs/errors.md).
        metadata_outputs: Which outputs become metadata: all, none (False; then none is fetched), or those named.
        metadata_limit: Characters of one output that the event log keeps at most.
        work: A function of the context that names the piece of work where several Dagsters do it and only one run is wanted;
            None: the Dagster run and its re-executions are the work.
        described_by: A Flyte that is asked, while definitions load, for what the workflow's author wrote about it: the asset's
            description when none is given. None: nobody is asked.
        **asset: Arguments of `dagster.asset`: ``name`` or ``key`` (default: the last part of the entity's name), ``deps``,
            ``partitions_def``, ``retry_policy``, ``pool``, ….

    Returns:
        One asset of kind ``flyte``.

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

    ref = EntityRef.parse(entity) if isinstance(entity, str) else entity
    if not asset.get("key") and not asset.get("name"):
        asset["name"] = "".join(c if c.isalnum() else "_" for c in ref.name.rpartition(".")[2])
    return flyte_assets(
        ref,
        resource_key=resource_key,
        options=options,
        timeout=timeout,
        poll_interval=poll_interval,
        retry_on=retry_on,
        metadata_outputs=metadata_outputs,
        metadata_limit=metadata_limit,
        work=work,
        described_by=described_by,
        **asset,
    )(given)


def flyte_assets(
    entity: str | EntityRef,
    *,
    resource_key: str = "flyte",
    options: Options | OptionsOf | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
    retry_on: Collection[ErrorClass | str] | None = None,
    metadata_outputs: bool | Sequence[str] = True,
    metadata_limit: int = LONGEST,
    work: Callable[[dg.AssetExecutionContext], str | None] | None = None,
    described_by: FlyteResource | None = None,
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
    check_arguments(asset, f"Flyte asset of {ref}")
    fixed = None if callable(options) else _options(options)
    classes = error_classes(retry_on)
    shown = Shown.of(metadata_outputs, limit=metadata_limit)
    seconds(timeout, "timeout")  # a bad one is found while loading, not after something was launched
    seconds(poll_interval, "poll_interval", positive=True)

    def decorate(function: Callable[..., Mapping[str, Any]]) -> dg.AssetsDefinition:
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise dg.DagsterInvalidDefinitionError(
                f"{function.__name__}() must be a plain function that returns the inputs of {ref} as a mapping, not a "
                "generator or coroutine function: Dagster cannot interrupt those"
            )
        users = UserFunction(function)

        def compute(context: dg.AssetExecutionContext, **arguments: Any) -> dg.MaterializeResult[Any]:
            resource, client = _flyte(context, ref, resource_key)
            how = How(
                options=fixed if fixed is not None else _options_now(options, context),
                timeout=timeout,
                poll_interval=poll_interval,
                retry_on=classes,
                shared=work(context) if work is not None else None,
                dagster_url=resource.dagster_url or "",
                reads_outputs=shown.any,
            )
            outcome = run_to_end(context, client, ref, _inputs(users(context, arguments), context, ref), how)
            return materialize_result(
                outcome.snapshot,
                outcome.outputs or {},
                differing=outcome.differing,
                shown=shown,
                log=context.log,
            )

        settings: dict[str, Any] = {**asset}
        settings["kinds"] = {"flyte", *(settings.get("kinds") or ())}
        settings["metadata"] = {"flyte/entity": str(ref), **(settings.get("metadata") or {})}
        said = settings.get("description") or inspect.getdoc(function)
        if not said and described_by is not None:
            said = description_of(ref, described_by)
        settings["description"] = said or f"Flyte {ref}"
        settings["required_resource_keys"] = {
            resource_key,
            *users.resources,
            *(settings.get("required_resource_keys") or ()),
        }
        return asset_without_value(users.dress(compute), settings)

    return decorate


def _options(given: Options | None) -> RunOptions:
    return given if isinstance(given, RunOptions) else RunOptions.from_mapping(given or {})


def _options_now(give: Any, context: dg.AssetExecutionContext) -> RunOptions:
    given = give(context)
    where = f"options of asset {context.asset_key.to_user_string()!r}"
    if not isinstance(given, RunOptions | Mapping):
        raise dg.Failure(
            f"{where}: the function must return RunOptions or a mapping of its fields, got {type(given).__name__}",
            allow_retries=False,
        )
    try:
        return _options(given)
    except InvalidRequest as error:
        raise dg.Failure(f"{where}: {error}", allow_retries=False) from None


def _inputs(given: Any, context: dg.AssetExecutionContext, entity: EntityRef) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise dg.Failure(
            f"inputs of {entity} must be a mapping of input names to values; asset {context.asset_key.to_user_string()!r} "
            f"gave {type(given).__name__}",
            allow_retries=False,
        )
    return given


def _flyte(context: dg.AssetExecutionContext, entity: EntityRef, resource_key: str) -> tuple[FlyteResource, Client]:
    resource = getattr(context.resources, resource_key)
    if not isinstance(resource, FlyteResource):
        raise dg.Failure(
            f"resource {resource_key!r} of asset {context.asset_key.to_user_string()!r} ({entity}) must be a FlyteResource, got "
            f"{type(resource).__name__}; give Definitions(resources={{{resource_key!r}: FlyteResource(…)}})",
            allow_retries=False,
        )
    try:
        return resource, resource.get_client()
    except BridgeError as error:
        raise failure_of_error(error.with_message(f"resource {resource_key!r}: {error.message}"), None) from None
