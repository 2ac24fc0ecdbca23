"""RunService, its unary half: runs are created, read, listed and aborted."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from flyteidl2.common import identifier_pb2
from flyteidl2.task import run_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from ...model.status import Rejected
from ..engine.cache import cache_key, inline_hash
from ..engine.creation import run_records
from ..store.actions import ROOT
from ..store.tasks import task_not_found
from .projects import check_project

if TYPE_CHECKING:
    from ...store.projects import Projects
    from ..engine.engine import Flyte2Engine
    from ..store.tasks import Tasks
    from ..wire.call import Incoming
    from .identity import Identities
    from .triggers import TriggerHandlers

__all__ = ["RunHandlers", "crashed", "run_not_found", "task_of_trigger"]

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAME_LIMIT = 30
_NO_REASON = "User requested abort"
_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end "
    "with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_GENERATED = 19
_START_TIME_SINCE = (2, 3, 6)


def crashed() -> Rejected:
    """What a client sees when a handler of the backend panics: an id that is not there is dereferenced."""
    return Rejected("INTERNAL", "stream terminated by RST_STREAM with error code: INTERNAL_ERROR")


def run_not_found(run: Any) -> Rejected:
    """No such run."""
    return Rejected("NOT_FOUND", f"run not found: {run.project}/{run.domain}/{run.name}")


class RunHandlers:
    """One method per RPC."""

    def __init__(
        self,
        projects: Projects,
        tasks: Tasks,
        triggers: TriggerHandlers,
        engine: Flyte2Engine,
        identities: Identities,
    ) -> None:
        self._projects = projects
        self._tasks = tasks
        self._triggers = triggers
        self._engine = engine
        self._identities = identities

    def CreateRun(self, request: Any, call: Incoming) -> Any:
        """Creates a run. Where there is one of that name, its inputs are overwritten and it is answered as if it were new."""
        run = self._run_id(request)
        check_project(self._projects, run.project)
        task_id, task_spec, trigger = self._task(request)
        run_spec = self._run_spec(request, trigger, task_spec)
        places = self._engine.context.places
        base = places.run_base(run, run_spec.run_base_dir)
        input_uri, inputs_hash = self._inputs(request, trigger, task_spec, places.run_base(run))
        details, spec = run_records(
            identifier_pb2.ActionIdentifier(run=run, name=ROOT),
            task_id,
            task_spec,
            run_spec,
            input_uri=input_uri,
            base=base,
        )
        details.metadata.source = request.source
        identity = self._identities.of(call)
        if identity is not None:
            details.metadata.executed_by.CopyFrom(identity)
        if trigger is not None:
            details.metadata.trigger_id.CopyFrom(trigger.id)
            details.metadata.trigger_name = trigger.id.name.name
        key = cache_key(inputs_hash, task_spec.task_template)
        actions, faults = self._engine.context.actions, self._engine.context.faults
        if faults.refuse_same_name and actions.find(details.id) is not None:
            raise Rejected("ALREADY_EXISTS", f"run {run.name} already exists")
        if input_uri == _of_run(places, run):
            places.write(input_uri, self._inline(request, task_spec).SerializeToString(deterministic=True))
        stored, added = actions.add(details, spec, key)
        if added:
            self._engine.created(stored)
        return run_service_pb2.CreateRunResponse(run=run_definition_pb2.Run(action=stored.action))

    def GetRunDetails(self, request: Any, _call: Incoming) -> Any:
        """One run, with the id as it was asked for."""
        if not request.HasField("run_id"):
            raise crashed()
        found = self._engine.context.actions.find(identifier_pb2.ActionIdentifier(run=request.run_id, name=ROOT))
        if found is None:
            raise run_not_found(request.run_id)
        found.details.id.run.CopyFrom(request.run_id)
        spec = found.spec.run_spec
        if not spec.raw_data_storage.raw_data_prefix:
            spec.raw_data_storage.raw_data_prefix = self._engine.context.places.prefix
        details = run_definition_pb2.RunDetails(run_spec=spec, action=found.details)
        return run_service_pb2.GetRunDetailsResponse(details=details)

    def GetActionDetails(self, request: Any, _call: Incoming) -> Any:
        """One action, with the id as it was asked for."""
        if not request.HasField("action_id"):
            raise crashed()
        found = self._engine.context.actions.find(request.action_id)
        if found is None:
            raise Rejected("NOT_FOUND", "action not found: action not found")
        found.details.id.CopyFrom(request.action_id)
        return run_service_pb2.GetActionDetailsResponse(details=found.details)

    def AbortRun(self, request: Any, call: Incoming) -> Any:
        """Aborts a run, also one that has ended."""
        if not request.HasField("run_id"):
            raise crashed()
        root = identifier_pb2.ActionIdentifier(run=request.run_id, name=ROOT)
        if not self._engine.abort(root, request.reason or _NO_REASON, self._identities.of(call)):
            raise run_not_found(request.run_id)
        return run_service_pb2.AbortRunResponse()

    def AbortAction(self, request: Any, call: Incoming) -> Any:
        """Aborts one action with what is below it."""
        if not request.HasField("action_id"):
            raise crashed()
        if not self._engine.abort(request.action_id, request.reason, self._identities.of(call)):
            raise Rejected("NOT_FOUND", f"action not found: {request.action_id.name}")
        return run_service_pb2.AbortActionResponse()

    def _run_id(self, request: Any) -> Any:
        kind = request.WhichOneof("id")
        if kind == "project_id":
            name = "r" + "".join(secrets.choice(_LETTERS) for _ in range(_GENERATED))
            project = request.project_id
            return identifier_pb2.RunIdentifier(project=project.name, domain=project.domain, name=name)
        if kind != "run_id":
            raise Rejected("INVALID_ARGUMENT", "invalid run ID type")
        name = request.run_id.name
        if len(name) > _NAME_LIMIT:
            raise Rejected(
                "INVALID_ARGUMENT", f'invalid run name "{name}": must be no more than {_NAME_LIMIT} characters'
            )
        if not _NAME.fullmatch(name):
            raise Rejected("INVALID_ARGUMENT", f'invalid run name "{name}": {_RULE}')
        return identifier_pb2.RunIdentifier(project=request.run_id.project, domain=request.run_id.domain, name=name)

    def _task(self, request: Any) -> tuple[Any, Any, Any | None]:
        kind = request.WhichOneof("task")
        if kind == "task_spec":
            return request.task_spec.task_template.id, request.task_spec, None
        trigger = None
        if kind == "trigger_name":
            trigger = self._triggers.for_run(request.trigger_name)
            task_id = task_of_trigger(trigger)
        elif kind == "task_id":
            task_id = request.task_id
        else:
            raise Rejected("INTERNAL", "failed to create task spec model: Marshal called with nil")
        found = self._tasks.find(task_id)
        if found is None:
            raise task_not_found(task_id, "UNKNOWN")
        return found.task_id, found.spec, trigger

    def _run_spec(self, request: Any, trigger: Any, task_spec: Any) -> Any:
        spec = run_pb2.RunSpec()
        if request.HasField("run_spec"):
            spec.CopyFrom(request.run_spec)
        elif trigger is not None:
            spec.CopyFrom(trigger.spec.run_spec)
        wanted = request.HasField("run_start_time") and not spec.HasField("run_start_time")
        if wanted and _version(task_spec.task_template.metadata.runtime.version) >= _START_TIME_SINCE:
            spec.run_start_time.CopyFrom(request.run_start_time)
        return spec

    def _inputs(self, request: Any, trigger: Any, task_spec: Any, run_base: str) -> tuple[str, str]:
        """Where the inputs are, and their hash for the cache."""
        offloaded = None
        kind = request.WhichOneof("input_wrapper")
        if kind == "offloaded_input_data":
            offloaded = request.offloaded_input_data
        elif (
            kind is None and trigger is not None and trigger.spec.WhichOneof("input_wrapper") == "offloaded_input_data"
        ):
            offloaded = trigger.spec.offloaded_input_data
        if offloaded is not None:
            uri = f"{offloaded.uri.rstrip('/')}/inputs.pb" if offloaded.uri else ""
            return uri, offloaded.inputs_hash
        ignored = task_spec.task_template.metadata.cache_ignore_input_vars
        return f"{run_base}/inputs/inputs.pb", inline_hash(self._inline(request, task_spec), ignored)

    def _inline(self, request: Any, task_spec: Any) -> Any:
        """Inputs that came with the request, filled with the task's defaults."""
        inputs = type(request.inputs)()
        inputs.CopyFrom(request.inputs)
        given = {literal.name for literal in inputs.literals}
        for parameter in task_spec.default_inputs:
            if parameter.name not in given and parameter.parameter.HasField("default"):
                inputs.literals.add(name=parameter.name).value.CopyFrom(parameter.parameter.default)
        return inputs


def _of_run(places: Any, run: Any) -> str:
    return f"{places.run_base(run)}/inputs/inputs.pb"


def task_of_trigger(trigger: Any) -> Any:
    """The version of the task that a trigger runs."""
    from flyteidl2.task import task_definition_pb2

    name = trigger.id.name
    return task_definition_pb2.TaskIdentifier(
        project=name.project, domain=name.domain, name=name.task_name, version=trigger.spec.task_version
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
