"""The verbs of both clients that tell what would happen, and why something did; written out twice like the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._blocking import run_blocking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._operations import Operations
    from ..contracts.interfaces import InterfaceSnapshot
    from ..diagnosis.explanation import Explanation
    from ..model.ids import EntityRef, RunRef
    from ..model.launch_preview import LaunchPlanPreview
    from ..model.requests import LaunchRequest
    from ..model.runs import RunSnapshot

__all__ = ["AsyncInsightVerbs", "InsightVerbs"]


class InsightVerbs:
    """Of `Client`."""

    _ops: Operations

    def explain(self, ref: RunRef | str | RunSnapshot, *, compare_inputs: bool = True) -> Explanation:
        """Why a run ended badly, or what it waits for: node, kind, attempts, logs, and what to do about it.

        Follows the runs that launch plan nodes started. A handful of calls, whatever the size of the run; what cannot be asked
        is a sentence in ``unknown`` and no error.

        Args:
            ref: The run; a snapshot of it, as `describe` or `wait` gave it, saves the question for one.
            compare_inputs: Whether the last run of the same entity that succeeded is looked for, and the names of the inputs
                that differ: one list and the inputs of both runs.

        Raises:
            RunNotFound: No such run.
            Unavailable: The run itself could not be asked about.
        """
        return run_blocking(self._ops.explaining.explain(ref, compare_inputs=compare_inputs))

    def plan(self, request: LaunchRequest | EntityRef | str) -> LaunchPlanPreview:
        """What `launch` of this request would do now: which version, with which inputs and options, and under which name.

        Asks and reads only: nothing is sent, uploaded or registered. What a concurrency limit would refuse, it cannot know.

        Args:
            request: As for `launch`.

        Raises:
            EntityNotFound: No such entity or version.
            LiteralError: Inputs are unknown, missing, fixed, or do not fit.
            Unsupported: An option that this Flyte cannot honour; or a request that registers first.
            Unavailable: Flyte could not be asked.
        """
        return run_blocking(self._ops.planning.plan(request))

    def interfaces(
        self,
        project: str | None = None,
        domain: str | None = None,
        *,
        entities: Iterable[EntityRef | str] | None = None,
        versions: int = 10,
    ) -> InterfaceSnapshot:
        """What is registered in a project and domain, as a value that needs no server from then on and can be kept in a file.

        Args:
            project: None: the configured one.
            domain: None: the configured one.
            entities: Only these, in the versions that they name, without descriptions and graphs; those in another place are left
                out. None: all launch plans and tasks there.
            versions: Of how many versions of each, the newest first; the active one and those named come besides.

        Raises:
            ConfigError: No project or domain is named anywhere.
            Unavailable: Flyte could not be asked.
        """
        return run_blocking(self._ops.interfaces.interfaces(project, domain, entities=entities, versions=versions))

    def trace_nodes(self, ref: RunRef | str | RunSnapshot) -> int:
        """Makes OpenTelemetry spans of a run that ended and of its nodes, under the current span; how many nodes have one.

        For an application that uses OpenTelemetry; without it nothing is asked and nothing made. Runs of launch plan nodes are
        followed. Calling it twice makes them twice.

        Args:
            ref: The run; a snapshot of it saves the question for one.

        Raises:
            InvalidRequest: It has not ended.
            RunNotFound: No such run.
        """
        return run_blocking(self._ops.spans.trace_nodes(ref))


class AsyncInsightVerbs:
    """Of `AsyncClient`; their docstrings are above."""

    _ops: Operations

    async def explain(self, ref: RunRef | str | RunSnapshot, *, compare_inputs: bool = True) -> Explanation:
        """Why a run ended badly, or what it waits for: node, kind, attempts, logs, and what to do about it."""
        return await self._ops.explaining.explain(ref, compare_inputs=compare_inputs)

    async def plan(self, request: LaunchRequest | EntityRef | str) -> LaunchPlanPreview:
        """What `launch` of this request would do now: which version, with which inputs and options, and under which name."""
        return await self._ops.planning.plan(request)

    async def interfaces(
        self,
        project: str | None = None,
        domain: str | None = None,
        *,
        entities: Iterable[EntityRef | str] | None = None,
        versions: int = 10,
    ) -> InterfaceSnapshot:
        """What is registered in a project and domain, as a value that needs no server from then on and can be kept in a file."""
        return await self._ops.interfaces.interfaces(project, domain, entities=entities, versions=versions)

    async def trace_nodes(self, ref: RunRef | str | RunSnapshot) -> int:
        """Makes OpenTelemetry spans of a run that ended and of its nodes, under the current span; how many nodes have one."""
        return await self._ops.spans.trace_nodes(ref)
