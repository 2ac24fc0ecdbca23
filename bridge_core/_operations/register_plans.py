"""Launch plans that were written as values: the step that makes entities of them, before anything is written.

What a launch plan gives must fit its workflow, and only the workflow says what it takes: that of the same registration, when
there is one of that name, else the server's. So this asks, encodes and checks. What is left open is the version that the
registration gets, because the result has a share in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from ..model.ids import EntityKind, EntityRef

if TYPE_CHECKING:
    from ..registration.launch_plan import LaunchPlan
    from ..registration.placeholders import Values
    from ..registration.spec import Spec
    from ..transport.base import Transport
    from .data import DataOperations
    from .entities import EntityOperations

__all__ = ["PlanResolver", "ResolvedPlan", "plans_digest"]

_PARALLEL = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPlan:
    """A launch plan that fits its workflow."""

    plan: LaunchPlan
    workflow: EntityRef
    """Without a version: the one that this registration gives."""
    message: Any
    """``LaunchPlanSpec`` without the workflow's identifier."""

    def spec(self, values: Values) -> Spec:
        """The entity, in its place and version."""
        from ..registration.spec import Spec

        plan, message = self.plan, type(self.message)()
        message.CopyFrom(self.message)
        target = message.workflow_id
        target.project, target.domain, target.name = self.workflow.project, self.workflow.domain, self.workflow.name
        target.version = self.workflow.version or values.version
        ref = EntityRef.launch_plan(
            plan.name,
            project=plan.project or values.project,
            domain=plan.domain or values.domain,
            version=plan.version or values.version,
        )
        return Spec(ref, message, "launch plans written as values", plan.auto_activate)


def plans_digest(plans: Sequence[ResolvedPlan]) -> list[str]:
    """What names their content, in an order that does not depend on how they were listed."""
    return sorted(
        "\0".join((
            item.plan.name, item.workflow.name, item.workflow.version or "",
            item.message.SerializeToString(deterministic=True).hex(),
        ))
        for item in plans
    )  # fmt: skip


class PlanResolver:
    """Asks, encodes, checks."""

    def __init__(self, transport: Transport, entities: EntityOperations, data: DataOperations) -> None:
        self._transport = transport
        self._entities = entities
        self._data = data

    async def resolve(
        self, plans: Sequence[LaunchPlan], drafts: Sequence[Spec], *, project: str, domain: str, version: str | None
    ) -> list[ResolvedPlan]:
        """Fits launch plans to their workflows.

        Args:
            plans: What was written.
            drafts: What is registered along with them.
            project: Where.
            domain: Where.
            version: Under which version, when that was said.

        Raises:
            EntityNotFound: A workflow is neither there nor here.
            LiteralError: Inputs are unknown, or values do not fit; all of one launch plan at once.
            InvalidRequest: See `check_launch_plan`.
            Unsupported: See `check_launch_plan`.
        """
        here = _workflows(drafts, project, domain)

        async def one(plan: LaunchPlan) -> ResolvedPlan:
            wanted = plan.workflow.within(plan.project or project, plan.domain or domain)
            if (known := _among(here, wanted, version)) is not None:
                return self._fitted(plan, known, here[known])
            try:
                found = await self._entities.interface(wanted)
            except InvalidRequest as error:
                raise error.with_message(f"launch plan {plan.name!r}: {error.message}") from None
            return self._fitted(plan, found.entity, found.parameters)

        return await self._transport.map_calls(one, list(plans), limit=_PARALLEL)

    def _fitted(self, plan: LaunchPlan, workflow: EntityRef, parameters: Mapping[str, Any]) -> ResolvedPlan:
        from ..registration.launch_plan_spec import check_launch_plan, launch_plan_spec

        check_launch_plan(plan, workflow, parameters)
        given = {**plan.defaults, **plan.fixed}
        for name in plan.kickoff_inputs:
            del given[name]
        free = {name: type(item)(var=item.var) for name, item in parameters.items()}  # nothing must be given here
        try:
            encoded = self._data.codec.encode_inputs(given, free)
        except InvalidRequest as error:
            raise error.with_message(f"launch plan {plan.name!r}: {workflow}: {error.message}") from None
        if encoded.uploads:
            raise InvalidRequest(
                f"launch plan {plan.name!r}: {encoded.uploads[0].path} is a file of this machine or a value that would have to "
                "be uploaded, and a launch plan only refers to files: upload it first, and give what client.upload(…) returns"
            )
        return ResolvedPlan(plan=plan, workflow=workflow, message=launch_plan_spec(plan, parameters, encoded.literals))


def _among(here: Mapping[EntityRef, Any], wanted: EntityRef, version: str | None) -> EntityRef | None:
    """The workflow that is meant, if this registration brings it; its version is None when the registration gives it."""
    is_open = wanted.version in (None, version)
    return next(
        (
            ref
            for ref in here
            if replace(ref, version=None) == replace(wanted, version=None)
            and (ref.version == wanted.version or (is_open and ref.version is None) or wanted.version is None)
        ),
        None,
    )


def _workflows(drafts: Sequence[Spec], project: str, domain: str) -> dict[EntityRef, Mapping[str, Any]]:
    """Workflows -> their inputs, with the defaults that their own launch plans know; versions only where they have their own."""
    from flyteidl.core import interface_pb2

    from ..registration.placeholders import DOMAIN, PROJECT, VERSION

    own: dict[EntityRef, Mapping[str, Any]] = {}
    inputs: dict[EntityRef, dict[str, Any]] = {}
    for spec in drafts:
        ref = spec.ref
        key = EntityRef(
            EntityKind.WORKFLOW,
            ref.name,
            project if ref.project == PROJECT else ref.project,
            domain if ref.domain == DOMAIN else ref.domain,
            None if ref.version == VERSION else ref.version,
        )
        message: Any = spec.message
        if ref.kind is EntityKind.LAUNCH_PLAN and message.workflow_id.name == ref.name:
            own[key] = message.default_inputs.parameters
        elif ref.kind is EntityKind.WORKFLOW:
            inputs[key] = {
                name: interface_pb2.Parameter(var=variable, required=True)
                for name, variable in message.template.interface.inputs.variables.items()
            }
    return {
        key: {**found, **{name: item for name, item in own.get(key, {}).items() if name in found}}
        for key, found in inputs.items()
    }
