"""A Flyte workflow as a Dagster asset: materializing it runs the workflow, and its outputs become metadata."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import dagster as dg

from bridge_core import BridgeError, EntityRef, RunOptions, seconds

from ._failures import failure_of_error
from ._launch import run_to_end
from .resource import FlyteResource
from .results import materialize_result

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import Client

__all__ = ["AssetArguments", "build_flyte_assets", "flyte_assets"]

Inputs = Mapping[str, Any] | Callable[[dg.AssetExecutionContext], Mapping[str, Any]]
_CONTEXT_NAMES = ("context", "_context", "context_", "_")


class AssetArguments(TypedDict, total=False):
    """Arguments of `dagster.asset` that are passed on as they are."""

    name: str | None
    key: dg.AssetKey | str | Sequence[str] | None
    key_prefix: str | Sequence[str] | None
    ins: Mapping[str, dg.AssetIn] | None
    deps: Iterable[Any] | None
    description: str | None
    group_name: str | None
    metadata: Mapping[str, Any] | None
    tags: Mapping[str, str] | None
    owners: Sequence[str] | None
    kinds: set[str] | None
    code_version: str | None
    partitions_def: dg.PartitionsDefinition[Any] | None
    backfill_policy: dg.BackfillPolicy | None
    automation_condition: dg.AutomationCondition[Any] | None
    retry_policy: dg.RetryPolicy | None
    pool: str | None
    op_tags: Mapping[str, Any] | None
    required_resource_keys: set[str] | None


def build_flyte_assets(
    entity: str | EntityRef,
    *,
    inputs: Inputs | None = None,
    resource_key: str = "flyte",
    options: RunOptions | Mapping[str, Any] | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
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
        options: How the run is run (`RunOptions`, or its fields as a mapping).
        timeout: Seconds (or timedelta) to wait before the step fails; the run goes on, and a retry attaches. None: for ever.
        poll_interval: Seconds (or timedelta) between questions. None adapts to the run's age (`PollPolicy`).
        **asset: Arguments of `dagster.asset`: ``name`` or ``key`` (default: the last part of the entity's name), ``deps``,
            ``partitions_def``, ``retry_policy``, ``pool``, ….

    Returns:
        One asset of kind ``flyte``.

    Raises:
        InvalidRequest: The entity or an option cannot be read.

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
        ref, resource_key=resource_key, options=options, timeout=timeout, poll_interval=poll_interval, **asset
    )(given)


def flyte_assets(
    entity: str | EntityRef,
    *,
    resource_key: str = "flyte",
    options: RunOptions | Mapping[str, Any] | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
    **asset: Unpack[AssetArguments],
) -> Callable[[Callable[..., Mapping[str, Any]]], dg.AssetsDefinition]:
    """Turns a function that returns the inputs of a Flyte run into the asset that this run makes.

    The function's parameters are those of an asset: ``context`` first if it is wanted, then upstream assets, configuration
    and resources. Arguments are those of `build_flyte_assets`; the asset is called like the function unless told otherwise.

    Raises:
        InvalidRequest: The entity, an option, ``timeout`` or ``poll_interval`` cannot be read.
        DagsterInvalidDefinitionError: The function is a coroutine or generator function, which Dagster cannot interrupt.

    Example:
        >>> from dagster_integration import flyte_assets
        >>> @flyte_assets("pkg.train", group_name="ml")
        ... def model(context):
        ...     return {"day": context.partition_key}
        >>> model.key.to_user_string()
        'model'
    """
    ref = EntityRef.parse(entity) if isinstance(entity, str) else entity
    how = options if isinstance(options, RunOptions) else RunOptions.from_mapping(options or {})
    seconds(timeout, "timeout")  # a bad one is found while loading, not after something was launched
    seconds(poll_interval, "poll_interval", positive=True)

    def decorate(function: Callable[..., Mapping[str, Any]]) -> dg.AssetsDefinition:
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise dg.DagsterInvalidDefinitionError(
                f"{function.__name__}() must be a plain function that returns the inputs of {ref} as a mapping, not a "
                "generator or coroutine function: Dagster cannot interrupt those"
            )
        own = tuple(inspect.signature(function).parameters)
        takes_context = bool(own) and own[0] in _CONTEXT_NAMES

        def compute(context: dg.AssetExecutionContext, **arguments: Any) -> dg.MaterializeResult[Any]:
            arguments = {name: value for name, value in arguments.items() if name in own}
            inputs = function(context, **arguments) if takes_context else function(**arguments)
            client = _client(context, ref, resource_key)
            return _materialize(context, client, ref, inputs, how, timeout=timeout, poll_interval=poll_interval)

        settings: dict[str, Any] = {**asset}
        settings["kinds"] = {"flyte", *(settings.get("kinds") or ())}
        settings["metadata"] = {"flyte/entity": str(ref), **(settings.get("metadata") or {})}
        settings["description"] = settings.get("description") or inspect.getdoc(function) or f"Flyte {ref}"
        declared = None if resource_key in own else resource_key
        if keys := settings.get("required_resource_keys"):  # Dagster takes keys or parameters, not both
            settings["required_resource_keys"], declared = {resource_key, *keys}, None
        dressed = _dressed(compute, function, takes_context=takes_context, resource=declared)
        definition: dg.AssetsDefinition = dg.asset(**settings)(dressed)
        return definition

    return decorate


def _dressed(
    compute: Callable[..., Any], function: Callable[..., Any], *, takes_context: bool, resource: str | None
) -> Callable[..., dg.MaterializeResult[Any]]:
    """Gives `compute` the parameters of the user's function, which is where Dagster looks for upstream assets and resources.

    Our resource is one more parameter. The annotations of the context and of the result are ours: Dagster refuses a context
    annotated by text, which is what ``from __future__ import annotations`` in the user's module makes of it.
    """
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = list(inspect.signature(function).parameters.values())[1 if takes_context else 0 :]
    annotations = {p.name: function.__annotations__[p.name] for p in parameters if p.name in function.__annotations__}
    ours: dict[str, Any] = {"context": dg.AssetExecutionContext, "return": dg.MaterializeResult}
    if resource is not None:
        parameters.append(inspect.Parameter(resource, keyword, annotation=FlyteResource))
        ours[resource] = FlyteResource
    parameters.insert(
        0, inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=ours["context"])
    )
    functools.update_wrapper(compute, function)
    compute.__annotations__ = {**annotations, **ours}
    compute.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # functions may carry one
        parameters, return_annotation=ours["return"]
    )
    return compute


def _client(context: dg.AssetExecutionContext, entity: EntityRef, resource_key: str) -> Client:
    resource = getattr(context.resources, resource_key)
    if not isinstance(resource, FlyteResource):
        raise dg.Failure(
            f"resource {resource_key!r} of asset {context.asset_key.to_user_string()!r} ({entity}) must be a FlyteResource, got "
            f"{type(resource).__name__}; give Definitions(resources={{{resource_key!r}: FlyteResource(…)}})",
            allow_retries=False,
        )
    try:
        return resource.get_client()
    except BridgeError as error:
        raise failure_of_error(error.with_message(f"resource {resource_key!r}: {error.message}"), None) from None


def _materialize(
    context: dg.AssetExecutionContext,
    client: Client,
    entity: EntityRef,
    inputs: Any,
    options: RunOptions,
    *,
    timeout: float | timedelta | None,
    poll_interval: float | timedelta | None,
) -> dg.MaterializeResult[Any]:
    if not isinstance(inputs, Mapping):
        raise dg.Failure(
            f"inputs of {entity} must be a mapping of input names to values; asset {context.asset_key.to_user_string()!r} "
            f"gave {type(inputs).__name__}",
            allow_retries=False,
        )
    snapshot = run_to_end(
        context, client, entity, inputs, options=options, timeout=timeout, poll_interval=poll_interval
    )
    try:
        outputs = client.outputs(snapshot.ref)
    except BridgeError as error:
        # The run succeeded: another try attaches to it and reads again, and can launch nothing.
        failure = failure_of_error(error, snapshot.ref, console_url=snapshot.console_url)
        raise dg.Failure(failure.description, failure.metadata, allow_retries=True) from None
    return materialize_result(snapshot, outputs)
