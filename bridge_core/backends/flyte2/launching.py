"""What makes runs: ``CreateRun`` for a task, a trigger, or a run that is made again; inputs inline, or stored before.

Inline inputs lie under the run's own prefix. Those that ``UploadInputs`` stores lie under a hash that leaves out the context and
the inputs a task's cache ignores, so that two runs which differ in these only would share, and overwrite, one object
(dataproxy_service.go). So inputs go inline as long as a message can carry them, and of such a task always.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flyteidl2.common import run_pb2
from flyteidl2.task import run_pb2 as task_run_pb2
from flyteidl2.workflow import run_service_pb2

from ...model.errors import EntityNotFound, InvalidRequest, NotFound
from ...model.ids import EntityKind
from ...model.run_options import RunOptions
from .convert import inputs_message, launched_from, run_id, run_ref, task_id
from .methods import rpc
from .spec import run_spec

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from ...model.ids import EntityRef, RunRef
    from ..values import Interface
    from .tasks import Flyte2Tasks

__all__ = ["Flyte2Launching"]

log = logging.getLogger("bridge_core")

_INLINE = 2 << 20
"""Bytes of inputs up to which they go inline: gRPC's own limit for a message is 4 MiB by default."""

_ORIGINS = {"relaunch": "RELATION_TYPE_RERUN", "recover": "RELATION_TYPE_RECOVER"}


class Flyte2Launching:
    """Makes runs."""

    def __init__(self, calls: Calls, config: Config, tasks: Flyte2Tasks) -> None:
        self._calls = calls
        self._org = config.org
        self._tasks = tasks

    async def create(
        self,
        ref: RunRef,
        interface: Interface,
        literals: Any,
        options: RunOptions,
        *,
        fingerprint: str,
        launch_id: str,
    ) -> None:
        """One CreateRun; attempts resend the identical bytes."""
        entity, base = interface.entity, None
        request = run_service_pb2.CreateRunRequest(run_id=run_id(ref, self._org))
        if entity.kind is EntityKind.LAUNCH_PLAN:
            trigger = await self._tasks.trigger(entity)
            if trigger is None:
                raise EntityNotFound(f"no trigger {entity.name!r} in {entity.project}/{entity.domain} any more")
            request.trigger_name.CopyFrom(trigger.id.name)
            base = trigger.spec.run_spec
            self._check_complete(interface, literals, trigger)
        else:
            request.task_id.CopyFrom(task_id(entity, self._org))
        request.run_spec.CopyFrom(run_spec(options, fingerprint=fingerprint, launch_id=launch_id, base=base))
        # A trigger whose stored inputs are to be used gets none: what a request brings replaces them.
        if request.WhichOneof("task") != "trigger_name" or literals.literals or options.custom_context:
            await self._give(request, inputs_message(literals, options.custom_context), options)
        await self._send(request, entity)

    async def again(self, ref: RunRef, details: Any, inputs: Any, name: str, *, overwrite_cache: bool) -> None:
        """The same task, inputs and spec under another name, related to the run that it repeats."""
        request = run_service_pb2.CreateRunRequest(run_id=run_id(type(ref)(ref.project, ref.domain, name), self._org))
        action = details.action
        deployed = details.run_spec.task_spec_source != task_run_pb2.TASK_SPEC_SOURCE_EPHEMERAL
        entity = launched_from(action.metadata)
        task = action.metadata.task.id
        if deployed and task.name and await self._is_registered(task):
            request.task_id.CopyFrom(task)
        elif action.task.HasField("task_template"):
            request.task_spec.CopyFrom(action.task)  # what `flyte run` sends along and never registers
        else:
            raise InvalidRequest(f"run {ref} is a run of no task, so it cannot be launched again")
        options = RunOptions(overwrite_cache=True) if overwrite_cache else RunOptions()
        marks = details.run_spec.annotations.values
        spec = run_spec(
            options, fingerprint=marks.get("flyte-bridge-inputs", ""), launch_id=name, base=details.run_spec
        )
        spec.relation.related_to.CopyFrom(run_id(ref, self._org))
        spec.relation.relation_type = run_pb2.RELATION_TYPE_RERUN
        request.run_spec.CopyFrom(spec)
        await self._give(request, inputs, options)
        await self._send(request, entity)

    def origin(self, spec: Any) -> tuple[str, RunRef] | None:
        """How and from which run a run was made again."""
        relation = spec.relation
        for verb, name in _ORIGINS.items():
            if relation.relation_type == run_pb2.RelationType.Value(name):
                return verb, run_ref(relation.related_to)
        return None

    async def _is_registered(self, task: Any) -> bool:
        from .convert import task_ref

        try:
            await self._tasks.details(task_ref(task))
        except NotFound:
            return False
        return True

    async def _give(self, request: Any, inputs: Any, options: RunOptions) -> None:
        ignores = await self._ignores_inputs(request) if inputs.ByteSize() > _INLINE else False
        if inputs.ByteSize() <= _INLINE or ignores:
            request.inputs.SetInParent()
            request.inputs.CopyFrom(inputs)
            return
        from flyteidl2.dataproxy import dataproxy_service_pb2

        upload = dataproxy_service_pb2.UploadInputsRequest(
            run_id=request.run_id, inputs=inputs, base_dir=options.run_base_dir or ""
        )
        which = request.WhichOneof("task")
        getattr(upload, which).CopyFrom(getattr(request, which))
        answer = await self._calls.unary(rpc("UploadInputs"), upload)
        request.offloaded_input_data.CopyFrom(answer.offloaded_input_data)

    async def _ignores_inputs(self, request: Any) -> bool:
        from .convert import task_ref

        if request.WhichOneof("task") == "task_spec":
            spec = request.task_spec
        elif request.WhichOneof("task") == "task_id":
            spec = (await self._tasks.details(task_ref(request.task_id))).spec
        else:
            return True
        return bool(spec.task_template.metadata.cache_ignore_input_vars)

    async def _send(self, request: Any, entity: EntityRef | None) -> None:
        try:
            await self._calls.unary(rpc("CreateRun"), request)
        except NotFound as error:
            raise EntityNotFound(f"{entity} was not launched: {error.details}", **error.data) from None

    @staticmethod
    def _check_complete(interface: Interface, literals: Any, trigger: Any) -> None:
        """Inputs of a caller replace the trigger's, all of them: what is missing then would fail on the cluster."""
        given = set(literals.literals)
        missing = sorted(set(interface.parameters) - given)
        if given and missing and trigger.spec.WhichOneof("input_wrapper") is not None:
            raise InvalidRequest(
                f"trigger {interface.entity.name!r}: inputs {', '.join(sorted(given))} were given, and Flyte 2 would drop those "
                f"that the trigger stores; give {', '.join(missing)} too, or none at all"
            )
