"""Outputs of Flyte runs as values of downstream assets: found by the materialization, read from Flyte, stored nowhere else.

No ``from __future__ import annotations`` here: pydantic reads the annotation of the field at run time.
"""

import functools
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import BridgeError, FrameRef, RunOutputs, RunRef

from ._failures import failure_of_error
from .resource import FlyteResource

if TYPE_CHECKING:
    from bridge_core import Client

__all__ = ["FlyteIOManager", "outputs_key", "outputs_manager"]


class FlyteIOManager(dg.ConfigurableIOManager):
    """Loads the outputs of the Flyte run that materialized an asset, for assets and jobs that take it as a parameter.

    Flyte assets bring it with them; it is for assets that others materialize: those that a sensor reports, or an `AssetSpec` of
    yours whose materializations have ``flyte/execution`` in their metadata (``spec.with_io_manager_key("flyte_io")``).

    What a parameter gets: the one output of the asset or of its run; of a run with several outputs a mapping of all
    (`RunOutputs`), or one of them with ``AssetIn(metadata={"flyte/output": "o0"})``. Of several partitions: a mapping from
    partition key to that. An annotation decides the type: a dataclass, an enum, ``list[T]``, a pydantic model, ``RunOutputs``, or
    pandas' ``DataFrame``, which is read; without one, files and frames are references.

    Example:
        >>> from dagster_integration import FlyteIOManager, FlyteResource
        >>> FlyteIOManager(flyte=FlyteResource(endpoint="localhost:30080", insecure=True)).flyte.endpoint
        'localhost:30080'
    """

    flyte: dg.ResourceDependency[FlyteResource]

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Stores nothing.

        Raises:
            Failure: An asset returned a value.
        """
        _handle(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        """See the class.

        Raises:
            Failure: The asset (or partition) was never materialized by a Flyte run, or its outputs cannot be read.
        """
        return _load(context, self.flyte.get_client())


def outputs_key(resource_key: str) -> str:
    """Under which key the manager of a `FlyteResource` is found."""
    return f"flyte_outputs_of_{resource_key}"


@functools.cache  # one object for each key: Dagster refuses two definitions of one resource
def outputs_manager(resource_key: str) -> dg.IOManagerDefinition:
    """The manager that Flyte assets bring with them.

    Args:
        resource_key: Of their `FlyteResource`.
    """

    @dg.io_manager(required_resource_keys={resource_key}, description="Reads outputs of Flyte runs.")
    def flyte_outputs(context: dg.InitResourceContext) -> dg.IOManager:
        return _Outputs(lambda: getattr(context.resources, resource_key).get_client())

    return flyte_outputs


class _Outputs(dg.IOManager):
    def __init__(self, client: "Callable[[], Client]") -> None:
        self._client = client

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        _handle(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:
        return _load(context, self._client())


def _handle(context: dg.OutputContext, obj: Any) -> None:
    if obj is not None:
        raise dg.Failure(
            f"asset {context.asset_key.to_user_string()!r} returned a {type(obj).__name__}, and its IO manager only reads what "
            "Flyte runs gave; use another io_manager_key for assets that Dagster computes",
            allow_retries=False,
        )


def _load(context: dg.InputContext, client: "Client") -> Any:
    kind = context.dagster_type.typing_type
    if not context.has_asset_partitions:
        return _value(context, client, None, kind)
    keys = context.asset_partition_keys
    if len(keys) == 1:
        return _value(context, client, keys[0], kind)
    kinds = typing.get_args(kind) if typing.get_origin(kind) in (dict, Mapping) else ()
    return {key: _value(context, client, key, kinds[1] if kinds else Any) for key in keys}


def _value(context: dg.InputContext, client: "Client", partition: str | None, kind: Any) -> Any:
    asset = context.asset_key.to_user_string()
    where = f"asset {asset!r}" if partition is None else f"partition {partition!r} of asset {asset!r}"
    told = _told(context, partition)
    if told is None or "flyte/execution" not in told:
        why = "was never materialized" if told is None else "was last materialized by something else than a Flyte run"
        raise dg.Failure(f"{where} {why}, so that {context.op_def.name} has nothing to read", allow_retries=False)
    ref = RunRef.parse(str(told["flyte/execution"].value))
    node = told["flyte/node"].value if "flyte/node" in told else None
    try:
        outputs = client.outputs(ref, node=str(node) if node else None)
        wanted = (context.definition_metadata or {}).get("flyte/output")
        named = wanted or (told["flyte/output"].value if "flyte/output" in told else None)
        if kind is RunOutputs:
            return outputs
        if named is None:
            if len(outputs) != 1:
                return outputs
            (named,) = outputs
        if named not in outputs:
            raise dg.Failure(
                f"{where}: run {ref} has no output {named!r}; it has {', '.join(outputs) or 'none'}",
                allow_retries=False,
            )
        return _typed(outputs, str(named), kind, client)
    except BridgeError as error:
        raise failure_of_error(error.with_message(f"{where}: {error.message}"), ref) from None


def _told(context: dg.InputContext, partition: str | None) -> Mapping[str, dg.MetadataValue] | None:
    """Metadata of the newest materialization."""
    partitions = None if partition is None else [partition]
    which = dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=partitions)
    records = context.instance.fetch_materializations(which, limit=1).records
    found = records[0].asset_materialization if records else None
    return None if found is None else found.metadata


def _typed(outputs: RunOutputs, name: str, kind: Any, client: "Client") -> Any:
    value = outputs[name]
    if kind is Any or kind is type(None) or kind is None:
        return value
    if isinstance(value, FrameRef) and kind is not FrameRef:
        return client.read_frame(value)
    return outputs.as_(name, kind)
