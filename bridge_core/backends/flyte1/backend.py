"""`Flyte1Backend`: our values <-> FlyteAdmin, one method per thing the verbs need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, execution_pb2

from ...model.capabilities import FLYTE1
from ...model.errors import InvalidRequest, LimitExceeded, NotFound, RunNotFound, Unsupported
from ...model.ids import EntityKind
from ...model.phases import RunPhase
from ...model.run_errors import AlreadyExists
from ...model.run_names import is_run_name
from ...model.runs import RunSnapshot
from .console import console_url
from .convert import (
    FINGERPRINT_LABEL,
    LAUNCH_LABEL,
    execution_id,
    existing,
    identifier,
    phase_of,
    run_ref,
    snapshot,
    stored,
)
from .methods import rpc
from .spec import check_labels, check_options, execution_spec

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from ...model.capabilities import Capabilities
    from ...model.graph import WorkflowGraph
    from ...model.ids import EntityRef, RunRef
    from ...model.run_options import RunOptions
    from ..values import Existing, Interface, SignedUpload, StoredLiterals
    from .interfaces import Flyte1Interfaces
    from .lists import Flyte1Lists
    from .nodes import Flyte1Nodes
    from .projects import Flyte1Projects
    from .registry import Flyte1Registry
    from .triggers import Flyte1Triggers
    from .workflows import Flyte1Workflows

__all__ = ["Flyte1Backend"]


class Flyte1Backend:
    """FlyteAdmin."""

    def __init__(self, calls: Calls, config: Config) -> None:
        if config.org:  # its messages have the field, and the open-source server drops it
            raise Unsupported(
                f"org {config.org!r} (from {config.origin('org')}): Flyte 1 has no organisations, and would run this without "
                "one; unset it (FLYTE_LOCAL_ORG, task.org)"
            )
        self._calls = calls
        self._config = config

    async def ready(self) -> None:
        """Nothing is to be found out."""

    @property
    def capabilities(self) -> Capabilities:
        """What FlyteAdmin can do."""
        return FLYTE1

    @property
    def enum_form(self) -> str:
        """Flytekit sends the value."""
        return "value"

    def same_entity(self, wanted: EntityRef, launched: EntityRef) -> bool:
        """A workflow is launched through its default launch plan."""
        if wanted.kind is EntityKind.WORKFLOW:
            wanted = replace(wanted, kind=EntityKind.LAUNCH_PLAN)
        if wanted.version in (None, "latest", "active"):
            wanted = wanted.pinned(launched.version or "")
        return wanted == launched

    # What few processes need is imported by those.

    @cached_property
    def nodes(self) -> Flyte1Nodes:
        """Nodes, attempts, decks, metrics, gates."""
        from .nodes import Flyte1Nodes

        return Flyte1Nodes(self._calls, self.workflows)

    @cached_property
    def workflows(self) -> Flyte1Workflows:
        """Compiled workflows."""
        from .workflows import Flyte1Workflows

        return Flyte1Workflows(self._calls, self._config.endpoint)

    @cached_property
    def lists(self) -> Flyte1Lists:
        """Lists of runs and entities."""
        from .lists import Flyte1Lists

        return Flyte1Lists(self._calls, self.console_url, page=self._config.batch_size)

    @cached_property
    def projects(self) -> Flyte1Projects:
        """Projects and domains."""
        from .projects import Flyte1Projects

        return Flyte1Projects(self._calls, page=self._config.batch_size)

    @cached_property
    def triggers(self) -> Flyte1Triggers:
        """Scheduled launch plans."""
        from .triggers import Flyte1Triggers

        return Flyte1Triggers(self._calls)

    @cached_property
    def registry(self) -> Flyte1Registry:
        """What is registered."""
        from .registry import Flyte1Registry

        return Flyte1Registry(self._calls, page=self._config.batch_size)

    @cached_property
    def _console(self) -> str:
        return self._config.console_base

    @cached_property
    def _interfaces(self) -> Flyte1Interfaces:
        from .interfaces import Flyte1Interfaces

        return Flyte1Interfaces(self._calls, self._config)

    # -- runs

    async def describe(self, ref: RunRef, *, timeout: float | None = None) -> RunSnapshot:
        """GetExecution; for a run that FAILED, one more question names the node, which FlyteAdmin's error does not."""
        found = snapshot(await self._execution(ref, timeout), self.console_url(ref))
        if found.phase is not RunPhase.FAILED or found.error is None:
            return found
        node = await self.nodes.failed_node(ref, timeout=timeout)
        return replace(found, error=replace(found.error, node=node))

    async def find(self, ref: RunRef) -> Existing | None:
        """GetExecution; NOT_FOUND is an answer here."""
        try:
            return existing(await self._execution(ref), self.console_url(ref))
        except RunNotFound:
            return None

    async def listed(
        self, project: str, domain: str, names: Sequence[str], *, timeout: float | None = None
    ) -> Mapping[str, RunSnapshot]:
        """ListExecutions with ``value_in(execution_name,…)``: the only spelling FlyteAdmin 1.16 takes.

        Names that no run can have are left out: its filters have no escaping, so one would spoil the answer for all.
        """
        legal = [name for name in names if is_run_name(name)]
        if not legal:
            return {}
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
            limit=len(legal),
            filters=f"value_in(execution_name,{';'.join(legal)})",
        )
        page = await self._calls.unary(rpc("ListExecutions"), request, timeout=timeout)
        return {item.id.name: self._listed(item) for item in page.executions}

    def _listed(self, execution: Any) -> RunSnapshot:
        """Of a run that goes on, what is more than its phase is read when it is asked for."""
        ref, phase = run_ref(execution.id), phase_of(execution.closure.phase)
        if phase.is_terminal:
            return self._whole(execution, ref)
        return RunSnapshot.unread(ref, phase, partial(self._whole, execution, ref))

    def _whole(self, execution: Any, ref: RunRef) -> RunSnapshot:
        return snapshot(execution, self.console_url(ref))

    async def stored_inputs(self, ref: RunRef) -> StoredLiterals:
        """GetExecutionData; when nothing came inline, the signed URL."""
        data = await self._data(ref)
        return stored(data.full_inputs, data.inputs)

    async def outputs(self, ref: RunRef) -> StoredLiterals:
        """GetExecutionData; when nothing came inline, the signed URL."""
        data = await self._data(ref)
        return stored(data.full_outputs, data.outputs)

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
        """CreateExecution. Attempts resend the identical bytes.

        Raises:
            LimitExceeded: The launch plan's concurrency limit; FlyteAdmin says ALREADY_EXISTS for it
                (execution_manager.go), told apart by its text.
            AlreadyExists: The name was taken meanwhile.
        """
        request = execution_pb2.ExecutionCreateRequest(
            project=ref.project,
            domain=ref.domain,
            name=ref.name,
            spec=execution_spec(
                interface, options, {FINGERPRINT_LABEL: fingerprint, LAUNCH_LABEL: launch_id}, labelled=labelled
            ),
            inputs=inputs,
        )
        await self._create(rpc("CreateExecution"), request, f"{interface.entity} was not launched as {ref}")

    async def _create(self, method: Any, request: Any, not_done: str) -> None:
        try:
            await self._calls.unary(method, request)
        except AlreadyExists as error:
            if "concurrency limit" in (error.details or ""):
                raise LimitExceeded(
                    f"{not_done}: {error.details}. Wait for a run of it to end, or raise the launch plan's concurrency limit.",
                    **error.data,
                ) from None
            raise

    async def abort(self, ref: RunRef, reason: str) -> None:
        """TerminateExecution; FAILED_PRECONDITION means it has ended already, which is what was wanted.

        A look first: FlyteAdmin takes a second abort while the first is under way, and keeps the later reason.
        """
        phase = phase_of((await self._execution(ref)).closure.phase)
        if phase is RunPhase.ABORTING or phase.is_terminal:
            return
        request = execution_pb2.ExecutionTerminateRequest(id=execution_id(ref), cause=reason)
        try:
            await self._calls.unary(rpc("TerminateExecution"), request)
        except InvalidRequest as error:
            if error.code != "FAILED_PRECONDITION":
                raise
        except NotFound as error:
            raise self._no_run(ref, error) from None

    async def relaunch(self, ref: RunRef, name: str, *, overwrite_cache: bool) -> None:
        """RelaunchExecution: same spec, same inputs, another name."""
        request = execution_pb2.ExecutionRelaunchRequest(
            id=execution_id(ref), name=name, overwrite_cache=overwrite_cache
        )
        try:
            await self._create(rpc("RelaunchExecution"), request, f"run {ref} was not relaunched as {name}")
        except NotFound as error:
            raise self._no_run(ref, error) from None

    async def recover(self, ref: RunRef, name: str) -> None:
        """RecoverExecution: a new run that takes over what succeeded in the old one."""
        request = execution_pb2.ExecutionRecoverRequest(id=execution_id(ref), name=name)
        try:
            await self._create(rpc("RecoverExecution"), request, f"run {ref} was not recovered as {name}")
        except NotFound as error:
            raise self._no_run(ref, error) from None

    async def archive(self, ref: RunRef, *, archived: bool) -> None:
        """UpdateExecution."""
        state = execution_pb2.EXECUTION_ARCHIVED if archived else execution_pb2.EXECUTION_ACTIVE
        request = execution_pb2.ExecutionUpdateRequest(id=execution_id(ref), state=state)
        try:
            await self._calls.unary(rpc("UpdateExecution"), request)
        except NotFound as error:
            raise self._no_run(ref, error) from None

    async def whoami(self) -> str:
        """UserInfo: who the server thinks we are; empty on a Flyte without authentication, which has no such service."""
        from flyteidl.service import identity_pb2

        try:
            answer = await self._calls.unary(rpc("UserInfo"), identity_pb2.UserInfoRequest())
        except Unsupported:
            return ""
        return str(answer.email or answer.preferred_username or answer.name or answer.subject)

    async def call(self, method: str, request: Any, *, timeout: float | None = None) -> Any:
        """Any RPC of FlyteAdmin, by its name."""
        from .any_rpc import any_rpc, message_for

        found = any_rpc(method)
        return await self._calls.unary(found, message_for(method, request), timeout=timeout)

    def clear_cache(self) -> None:
        """Forgets all pinned interfaces, and the graphs of workflows."""
        self._interfaces.clear()
        self.workflows.clear()

    async def _execution(self, ref: RunRef, timeout: float | None = None) -> Any:
        request = execution_pb2.WorkflowExecutionGetRequest(id=execution_id(ref))
        try:
            return await self._calls.unary(rpc("GetExecution"), request, timeout=timeout)
        except NotFound as error:
            raise self._no_run(ref, error) from None

    async def _data(self, ref: RunRef) -> Any:
        request = execution_pb2.WorkflowExecutionGetDataRequest(id=execution_id(ref))
        try:
            return await self._calls.unary(rpc("GetExecutionData"), request)
        except NotFound as error:
            raise self._no_run(ref, error) from None

    def _no_run(self, ref: RunRef, error: NotFound) -> RunNotFound:
        return RunNotFound(
            f"no run {ref} at {self._config.endpoint}; check project, domain and name (wanted project/domain/name)",
            **error.data,
        )

    # -- entities

    async def interface(self, entity: EntityRef) -> Interface:
        """See `Flyte1Interfaces.of`."""
        return await self._interfaces.of(entity)

    async def workflow(self, entity: EntityRef) -> Interface:
        """See `Flyte1Workflows.interface`."""
        return await self.workflows.interface(entity)

    async def graph(self, workflow: EntityRef) -> WorkflowGraph:
        """See `Flyte1Workflows.graph`."""
        return await self.workflows.graph(identifier(workflow))

    async def description(self, entity: EntityRef) -> str:
        """See `Flyte1Interfaces.description`."""
        return await self._interfaces.description(entity)

    # -- data

    async def upload_location(
        self, project: str, domain: str, *, file_name: str, md5: bytes, root: str = ""
    ) -> SignedUpload:
        """CreateUploadLocation. Content-addressed unless `root` puts several objects under one prefix."""
        from flyteidl.service import dataproxy_pb2

        from ..object_names import asked, uri_of
        from ..values import SignedUpload

        request = dataproxy_pb2.CreateUploadLocationRequest(
            project=project,
            domain=domain,
            filename=asked(file_name),
            content_md5=md5,
            filename_root=asked(root),
            add_content_md5_metadata=True,
        )
        request.expires_in.FromSeconds(3600)  # the server's own maximum (flyteadmin dataproxy config, maxExpiresIn)
        answer = await self._calls.unary(rpc("CreateUploadLocation"), request)
        uri = uri_of(answer.native_url, answer.signed_url, root=root, name=file_name)
        return SignedUpload(url=answer.signed_url, uri=uri, headers=dict(answer.headers))

    async def download_url(self, uri: str, *, spelled: bool = False) -> str:
        """CreateDownloadLocation: deprecated, but the only RPC that signs any URI."""
        from flyteidl.service import dataproxy_pb2

        from ..object_names import asked_uri

        request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=uri if spelled else asked_uri(uri))
        request.expires_in.FromSeconds(3600)
        return str((await self._calls.unary(rpc("CreateDownloadLocation"), request)).signed_url)

    def check_options(self, options: RunOptions) -> None:
        """See `spec.check_options`."""
        check_options(options)

    def check_labels(self, interface: Interface, options: RunOptions) -> None:
        """See `spec.check_labels`."""
        check_labels(interface, options, (FINGERPRINT_LABEL, LAUNCH_LABEL))

    def console_url(self, ref: RunRef | EntityRef) -> str:
        """The page of a run or entity in Flyte's console."""
        return console_url(self._console, ref)
