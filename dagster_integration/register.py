"""`flyte_register_op`: registers what a job needs, as an op. The same again changes nothing, so retries do no harm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import BridgeError, EntityRef, RegisterRequest

from ._failures import failure_of_error

if TYPE_CHECKING:
    from bridge_core import RegistrationReport

__all__ = ["flyte_register_op"]


def flyte_register_op(
    source: Any,
    *,
    name: str = "flyte_register",
    resource_key: str = "flyte",
    description: str | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    tags: Mapping[str, Any] | None = None,
    pool: str | None = None,
    **arguments: Any,
) -> dg.OpDefinition:
    """An op that registers tasks, workflows and launch plans, and gives what became of each (`RegistrationReport`, as a dict).

    Args:
        source: A package, code or values, as ``Client.register`` takes them; or a `RegisterRequest`.
        name: Of the op.
        resource_key: Under which key the `FlyteResource` is found.
        description: Of the op.
        retry_policy: Of the op.
        tags: Of the op.
        pool: Of the op.
        **arguments: The other arguments of `RegisterRequest`: ``version``, ``python``, ``images``, ``activate``, ….

    Raises:
        InvalidRequest: An argument cannot be read.

    Example:
        >>> from bridge_core import LaunchPlan
        >>> from dagster_integration import flyte_register_op
        >>> flyte_register_op(LaunchPlan("pkg.nightly", "pkg.report")).name
        'flyte_register'
    """
    asked = RegisterRequest.given(source, **arguments)

    def compute(context: dg.OpExecutionContext, _upstream: Mapping[str, Any]) -> Iterator[dg.Output[Any]]:
        from ._work import flyte_of

        anything = EntityRef.launch_plan("what is registered")
        flyte, _ = flyte_of(context, anything, resource_key)
        try:
            report = flyte.register(asked)
        except BridgeError as error:
            raise failure_of_error(error, None) from None
        yield dg.Output(report.to_dict(), metadata=_metadata(report))

    compute.__annotations__.clear()  # texts here, and Dagster reads them as types
    return dg.OpDefinition(
        compute_fn=compute,
        name=name,
        ins={},
        outs={"result": dg.Out(dict[str, Any])},
        description=description or "Registers with Flyte",
        required_resource_keys={resource_key},
        retry_policy=retry_policy,
        tags={"kind": "flyte", **(tags or {})},
        pool=pool,
    )


def _metadata(report: RegistrationReport) -> dict[str, Any]:
    rows = "\n".join(f"| {item.outcome} | [{item.ref}]({item.url}) |" for item in report.entities)
    return {
        "flyte/version": dg.MetadataValue.text(report.version),
        "flyte/registered": dg.MetadataValue.md(f"| outcome | entity |\n|---|---|\n{rows}"),
    }
