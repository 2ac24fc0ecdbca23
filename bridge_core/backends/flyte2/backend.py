"""`Flyte2Backend`: our values <-> Flyte 2, one method per thing the verbs need.

What its open-source server does (2.0.43, seen) and this file is built around:

* A run's name must be unique over all projects and domains: a second run of that name elsewhere is stored, and stays QUEUED for
  ever. So the name is looked for everywhere.
* ``CreateRun`` on a name that is taken answers OK with the old run, and replaces its stored inputs. So one looks first, sends one
  request, and reads back whose run it is by a mark that only this request carries.
* ``AbortRun`` on a run that has ended turns SUCCEEDED into ABORTED and hides its outputs. So one looks before.
* A phase is terminal before its error and outputs can be read: both are asked for again for a moment.
* Every failure of its database is NOT_FOUND when one run is asked for. So "no such run" is believed from lists only.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flyteidl2.common import list_pb2
from flyteidl2.workflow import run_service_pb2

from ...model.capabilities import FLYTE2_REFUSES, Capabilities
from ...model.errors import InvalidRequest, NotFound, RunNotFound, Unauthenticated, Unavailable, Unsupported
from ...model.ids import EntityKind
from ...model.phases import RunPhase
from ...model.run_errors import AlreadyExists
from ..values import Existing, StoredLiterals
from .action_data import LATE, action_data
from .catalog import Flyte2Catalog
from .console import console_url
from .convert import (
    FINGERPRINT,
    LAUNCH,
    action_id,
    launched_from,
    literal_map,
    phase_of,
    project_id,
    run_id,
    run_ref,
    snapshot,
)
from .launching import Flyte2Launching
from .methods import rpc
from .queued import Looks, overdue, timed_out
from .spec import IGNORED, check_options
from .tasks import equal, interface_of, newest_first

if TYPE_CHECKING:
    from ...model.ids import EntityRef, RunRef
    from ...model.run_options import RunOptions
    from ...model.runs import RunSnapshot
    from ..values import Interface
    from .lists import Flyte2Lists
    from .nodes import Flyte2Nodes
    from .projects import Flyte2Projects
    from .registry import Flyte2Registry
    from .triggers import Flyte2Triggers

__all__ = ["Flyte2Backend"]

log = logging.getLogger("bridge_core")

_NAME, _LONGEST_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?"), 30
_UNPINNED = (None, "latest", "active")


class Flyte2Backend(Flyte2Catalog):
    """Flyte 2, over whichever protocol the transport speaks."""

    def __repr__(self) -> str:
        return f"Flyte2Backend({self._config.endpoint!r})"

    async def ready(self) -> None:
        """Nothing is to be found out."""

    @property
    def capabilities(self) -> Capabilities:
        """What Flyte 2 can do, as far as its open-source backend shows."""
        return Capabilities(
            flyte_version=2,
            transport=self._calls.transport.protocol,
            entities=("task", "launch_plan"),
            recover=False,
            archive=False,
            log_text=True,
            signs_any_download=False,
            finds_by_label=False,
            versions_are_final=False,
            names_unique_everywhere=True,
            ignored_options=IGNORED,
            refused_options=tuple(FLYTE2_REFUSES),
        )

    @property
    def enum_form(self) -> str:
        """The SDK of Flyte 2 sends the member's name, and refuses values."""
        return "name"

    def same_entity(self, wanted: EntityRef, launched: EntityRef) -> bool:
        """A task may be wanted by name alone (``launch_plan``, the default kind of a text) and is a task here."""
        same = (wanted.project, wanted.domain, wanted.name) == (launched.project, launched.domain, launched.name)
        return same and wanted.version in (*_UNPINNED, launched.version)

    @cached_property
    def _looks(self) -> Looks:
        return Looks()

    # What few processes need is imported by those.

    @cached_property
    def _launching(self) -> Flyte2Launching:
        return Flyte2Launching(self._calls, self._config, self.tasks)

    @cached_property
    def nodes(self) -> Flyte2Nodes:
        """Actions, attempts, reports, logs, conditions."""
        from .nodes import Flyte2Nodes

        return Flyte2Nodes(self._calls, self._config)

    @cached_property
    def lists(self) -> Flyte2Lists:
        """Lists of runs and tasks."""
        from .lists import Flyte2Lists

        return Flyte2Lists(self._calls, self._config, self.console_url, self.tasks)

    @cached_property
    def projects(self) -> Flyte2Projects:
        """Projects and domains."""
        from .projects import Flyte2Projects

        return Flyte2Projects(self._calls, org=self._org)

    @cached_property
    def triggers(self) -> Flyte2Triggers:
        """Triggers."""
        from .triggers import Flyte2Triggers

        return Flyte2Triggers(self._calls, self._config, self.tasks)

    @cached_property
    def registry(self) -> Flyte2Registry:
        """What is registered."""
        from .registry import Flyte2Registry

        return Flyte2Registry(self._calls, self._config, self.triggers)

    # -- runs

    async def describe(self, ref: RunRef, *, timeout: float | None = None) -> RunSnapshot:
        """GetRunDetails; for a run that FAILED without saying why, again for a moment."""

        async def look() -> Any:
            return await self._details(ref, timeout)

        details = await self._in_time(ref, await look())
        # Without an attempt there never is an error: a task that is empty, inputs that do not exist.
        if phase_of(details.action.status.phase) is RunPhase.FAILED and details.action.attempts:
            details = await self._until(look, lambda told: told.action.WhichOneof("result") == "error_info", details)
        return timed_out(snapshot(details.action, self.console_url(ref), details.run_spec))

    async def find(self, ref: RunRef) -> Existing | None:
        """ListRuns over all projects, then GetRunDetails.

        Raises:
            AlreadyExists: The name belongs to a run of another project or domain.
            InvalidRequest: No run of Flyte 2 can have this name.
        """
        if not _NAME.fullmatch(ref.name) or len(ref.name) > _LONGEST_NAME:
            raise InvalidRequest(
                f"run name {ref.name!r} is not legal in Flyte 2: wanted 1 to {_LONGEST_NAME} characters of a-z, 0-9 and '-', "
                f"beginning with a letter and not ending with '-' (got {len(ref.name)}). run_name(…) makes legal names"
            )
        request = run_service_pb2.ListRunsRequest(
            request=list_pb2.ListRequest(
                limit=10, filters=[equal("run_name", ref.name)], sort_by_fields=[newest_first()]
            ),
            org=self._org or "",
        )
        page = await self._calls.unary(rpc("ListRuns"), request)
        places = [run_ref(item.action.id.run) for item in page.runs]
        if ref not in places:
            if not places:
                return None
            raise AlreadyExists(
                f"run {ref} cannot be launched: its name belongs to run {places[0]}, and names of runs are unique over all "
                "projects and domains of a Flyte 2, where a second one would stay QUEUED for ever. Nothing was sent. Use another "
                "name; run_name(…) with project and domain among its parts makes one",
                ref=ref,
            )
        details = await self._details(ref)
        marks = details.run_spec.annotations.values
        launched = launched_from(details.action.metadata)
        task = details.action.task
        interface = None
        if launched is not None and task.HasField("task_template") and launched.kind is EntityKind.TASK:
            interface = interface_of(launched, task)
        return Existing(
            snapshot=snapshot(details.action, self.console_url(ref), details.run_spec),
            launched=launched or _nothing(ref),
            fingerprint=marks.get(FINGERPRINT),
            launch_id=marks.get(LAUNCH),
            origin=self._launching.origin(details.run_spec),
            interface=interface,
        )

    async def listed(
        self, project: str, domain: str, names: Sequence[str], *, timeout: float | None = None
    ) -> Mapping[str, RunSnapshot]:
        """ListRuns with ``VALUE_IN``, whose list must have two values at least (filters.go gives one to pq.Array as a text)."""
        if not names:
            return {}
        wanted = [*names, names[0]] if len(names) == 1 else list(names)
        one_of = list_pb2.Filter(function=list_pb2.Filter.VALUE_IN, field="run_name", values=wanted)
        request = run_service_pb2.ListRunsRequest(
            request=list_pb2.ListRequest(limit=len(names), filters=[one_of], sort_by_fields=[newest_first()]),
            project_id=project_id(project, domain, self._org),
        )
        page = await self._calls.unary(rpc("ListRuns"), request, timeout=timeout)
        return {item.action.id.run.name: await self._looked_at(self.lists.unread(item.action)) for item in page.runs}

    async def stored_inputs(self, ref: RunRef) -> StoredLiterals:
        """GetActionData."""
        return StoredLiterals(literals=literal_map((await self._data(ref)).inputs))

    async def outputs(self, ref: RunRef) -> StoredLiterals:
        """GetActionData; of a run that SUCCEEDED and shows none, again for a moment: they are recorded after the phase."""
        data = await self._data(ref)
        if not _readable(data) and (await self.describe(ref)).phase.is_success:
            data = await self._until(lambda: self._data(ref), _readable, data)
        return StoredLiterals(literals=literal_map(data.outputs))

    async def create(
        self,
        ref: RunRef,
        interface: Interface,
        inputs: Any,
        options: RunOptions,
        *,
        fingerprint: str,
        launch_id: str,
        labelled: bool = True,
    ) -> None:
        """CreateRun, then a look whose run it is.

        Raises:
            AlreadyExists: Another request had the name first. Should it have had other inputs, they are replaced by ours in the
                store: the server writes them before it looks at the name.
        """
        assert labelled, "FlyteAdmin's way out of labels that took a name; Flyte 2 never says so"
        await self._launching.create(ref, interface, inputs, options, fingerprint=fingerprint, launch_id=launch_id)
        details = await self._details(ref)
        if details.run_spec.annotations.values.get(LAUNCH) != launch_id:
            raise AlreadyExists(
                f"run {ref} was made by another request at the same moment", code="ALREADY_EXISTS", ref=ref
            )

    async def abort(self, ref: RunRef, reason: str) -> None:
        """AbortRun, unless the run has ended: see the module."""
        details = await self._details(ref)
        found = snapshot(details.action, "")
        # The last attempt is recorded before the run's own phase: an abort in between would take its outputs away.
        last = details.action.attempts[-1].phase if details.action.attempts else 0
        if found.phase.is_terminal or phase_of(last).is_success:
            return
        await self._calls.unary(
            rpc("AbortRun"), run_service_pb2.AbortRunRequest(run_id=run_id(ref, self._org), reason=reason)
        )

    async def relaunch(self, ref: RunRef, name: str, *, overwrite_cache: bool) -> None:
        """CreateRun with the task, the inputs and the spec of this run."""
        details = await self._details(ref)
        data = await self._data(ref)
        await self._launching.again(ref, details, data.inputs, name, overwrite_cache=overwrite_cache)

    async def recover(self, ref: RunRef, name: str) -> None:
        """The open-source backend stores the wish and runs everything again.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(
            f"recover of run {ref} as {name}: the open-source Flyte 2 backend runs everything again whatever it is told. Use "
            "relaunch, and cache the tasks that are dear"
        )

    async def archive(self, ref: RunRef, *, archived: bool) -> None:
        """There is none.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(f"archive(archived={archived}) of run {ref}: Flyte 2 cannot hide runs from lists")

    async def whoami(self) -> str:
        """UserInfo; empty where Flyte authenticates nobody, which it says as UNAUTHENTICATED."""
        from flyteidl2.auth import identity_pb2

        try:
            answer = await self._calls.unary(rpc("UserInfo"), identity_pb2.UserInfoRequest(), retry=False)
        except Unauthenticated:
            if self._calls.credentials.startswith("no authentication"):
                return ""
            raise
        except Unsupported:
            return ""
        return str(answer.email or answer.preferred_username or answer.name or answer.subject)

    async def call(self, method: str, request: Any, *, timeout: float | None = None) -> Any:
        """Any unary RPC of Flyte 2, by its name."""
        from .any_rpc import any_rpc, message_for

        return await self._calls.unary(any_rpc(method), message_for(method, request), timeout=timeout)

    def clear_cache(self) -> None:
        """Nothing is kept."""

    async def _looked_at(self, item: RunSnapshot) -> RunSnapshot:
        """A run of a list that is QUEUED for long: whether it should be, lists do not show."""
        return await self.describe(item.ref) if self._looks.due(item) else item

    async def _in_time(self, ref: RunRef, details: Any) -> Any:
        """The run, aborted first when it is QUEUED for longer than it may."""
        reason = overdue(details)
        if reason is None:
            return details
        log.warning("run %s is aborted: %s", ref, reason)
        await self._calls.unary(
            rpc("AbortRun"), run_service_pb2.AbortRunRequest(run_id=run_id(ref, self._org), reason=reason)
        )
        return await self._details(ref)

    async def _details(self, ref: RunRef, timeout: float | None = None) -> Any:
        request = run_service_pb2.GetRunDetailsRequest(run_id=run_id(ref, self._org))
        try:
            return (await self._calls.unary(rpc("GetRunDetails"), request, timeout=timeout)).details
        except NotFound as error:
            raise await self._no_run(ref, error, timeout) from None

    async def _data(self, ref: RunRef) -> Any:
        from flyteidl2.dataproxy import dataproxy_service_pb2  # a launch does without

        request = dataproxy_service_pb2.GetActionDataRequest(action_id=action_id(ref, self._org))
        try:
            return await action_data(self._calls, request)
        except NotFound as error:
            raise await self._no_run(ref, error) from None

    async def _no_run(self, ref: RunRef, error: NotFound, timeout: float | None = None) -> Exception:
        """What NOT_FOUND means: a list, which tells failures of the database from absence, has the last word."""
        if await self.listed(ref.project, ref.domain, [ref.name], timeout=timeout):
            return Unavailable(
                f"Flyte 2 at {self._config.endpoint} lists run {ref} and does not find it: {error.details}. Its database may be "
                "failing, which it reports so. Try again",
                **error.data,
            )
        return RunNotFound(
            f"no run {ref} at {self._config.endpoint}; check project, domain and name (wanted project/domain/name)",
            **error.data,
        )

    async def _until(self, look: Callable[[], Awaitable[Any]], good: Callable[[Any], bool], last: Any) -> Any:
        """Looks again for a moment until it is good; what was seen last otherwise."""
        for delay in LATE:
            if good(last):
                break
            await self._calls.transport.sleep(delay)
            last = await look()
        return last

    def check_options(self, options: RunOptions) -> None:
        """See `spec.check_options`."""
        check_options(options)

    def check_labels(self, interface: Interface, options: RunOptions) -> None:
        """Flyte 2 takes any number."""

    def console_url(self, ref: RunRef | EntityRef) -> str:
        """The page of a run or task in Flyte's console."""
        return console_url(self._config.console_base, ref)


def _readable(data: Any) -> bool:
    return bool(data.outputs.literals) or bool(data.outputs_uri)


def _nothing(ref: RunRef) -> EntityRef:
    """Stands for a run of no task at all."""
    from ...model.ids import EntityRef

    return EntityRef.task("(no task)", project=ref.project, domain=ref.domain)
