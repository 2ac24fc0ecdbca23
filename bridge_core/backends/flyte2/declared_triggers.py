"""Triggers that code of the Flyte 2 SDK declares (``@env.task(triggers=…)``), deployed with the version of their task.

The SDK deploys them inside of DeployTask; here each is one of its own, so that it can be compared, started and stopped. A trigger
has no versions: deploying another version of its task moves it there, as the SDK does. Around the faults of the open-source
scheduler, see `Flyte2Triggers`: inputs are stored, and the name of the input that gets the tick goes through their context, when
there are others. What was stored cannot be compared with what is to be, so the digest of the inputs is an annotation of the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl2.task import common_pb2
from flyteidl2.trigger import trigger_service_pb2

from ...model.errors import Unsupported
from ...model.ids import EntityRef
from .difference import difference
from .triggers import KICKOFF, trigger_names

if TYPE_CHECKING:
    from ...calls import Calls
    from ...config import Config
    from .triggers import Flyte2Triggers

__all__ = ["DeclaredTriggers"]

_DIGEST = "flyte-bridge/inputs"
_CHARS = 32


class DeclaredTriggers:
    """Triggers as their code declares them."""

    def __init__(self, calls: Calls, config: Config, triggers: Flyte2Triggers) -> None:
        self._calls = calls
        self._org = config.org
        self._triggers = triggers

    async def of_version(self, project: str, domain: str, version: str) -> Mapping[str, Any]:
        """Name -> ``TriggerDetails`` of those whose task has that version."""
        names = [item.id.name async for item in trigger_names(self._calls, project, domain, self._org)]
        found = await self._calls.transport.map_calls(self._triggers.get, names, limit=8)
        return {item.id.name.name: item for item in found if item is not None and item.spec.task_version == version}

    def account_of(self, message: Any) -> str:
        """The Kubernetes service account that its runs have; empty when it names none."""
        if not isinstance(message, bytes):
            return ""
        request = trigger_service_pb2.DeployTriggerRequest.FromString(message)
        return str(request.spec.run_spec.security_context.run_as.k8s_service_account)

    async def create(self, ref: EntityRef, message: Any) -> str | None:
        """Deploys it, unless it is there for that version: None when it was made now, else what differs, nothing for the same.

        Raises:
            Unsupported: It is a launch plan of Flyte 1.
        """
        if not isinstance(message, bytes):
            raise Unsupported(f"{ref}: Flyte 2 has no launch plans; deploy a trigger")
        request = trigger_service_pb2.DeployTriggerRequest.FromString(message)
        request.name.org = self._org or ""
        inputs = common_pb2.Inputs()
        inputs.CopyFrom(request.spec.inputs)
        request.spec.ClearField("inputs")
        kickoff = request.automation_spec.schedule.kickoff_time_input_arg
        if inputs.literals or any(pair.key != KICKOFF for pair in inputs.context):
            digest = hashlib.sha256(inputs.SerializeToString(deterministic=True)).hexdigest()[:_CHARS]
            request.spec.run_spec.annotations.values[_DIGEST] = digest
            if kickoff:
                request.automation_spec.schedule.kickoff_time_input_arg = ""
        known = await self._triggers.get(request.name)
        if known is not None and known.spec.task_version == request.spec.task_version:
            return _differing(known, request)
        if _DIGEST in request.spec.run_spec.annotations.values:
            task = EntityRef.task(
                request.name.task_name, project=ref.project, domain=ref.domain, version=request.spec.task_version
            )
            await self._triggers.store(request.spec, task, inputs)
        await self._triggers.put(request, known)
        return None

    async def activate(self, ref: EntityRef) -> None:
        """UpdateTriggers, unless it is active."""
        await self._triggers.activate(ref)


def _differing(known: Any, request: Any) -> str:
    """What differs but for whether it is active, which people decide, and for where inputs are stored."""
    pair = []
    for item in (known, request):
        plain = trigger_service_pb2.DeployTriggerRequest(spec=item.spec, automation_spec=item.automation_spec)
        plain.spec.ClearField("active")
        plain.spec.ClearField("offloaded_input_data")
        plain.spec.run_spec.SetInParent()
        if plain.automation_spec.WhichOneof("automation") == "artifact":
            plain.automation_spec.type = (
                common_pb2.TYPE_NONE
            )  # the open-source backend keeps the message and forgets the type
        pair.append(plain)
    there, here = pair
    return "" if there == here else difference(there, here)
