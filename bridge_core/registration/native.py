"""Tasks of ours, of containers and of connectors, written for the wire: a `Source` like packages and code."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flyteidl.admin import description_entity_pb2, task_pb2
from flyteidl.core import identifier_pb2, literals_pb2, security_pb2, tasks_pb2, types_pb2

from ..literals.python_types import literal_type
from ..model.connector_tasks import ConnectorTask
from ..model.errors import InvalidRequest
from ..model.ids import EntityKind, EntityRef
from ..model.native_tasks import ContainerTask, ShellTask
from ..model.pod_template import PodTemplate
from ..model.resources import Device, Resources
from .connectors import connector_task_spec
from .placeholders import BLANK, Values, fill
from .pods import into_pod
from .source import Code, version_of
from .spec import Spec

__all__ = ["NativeTasks", "task_spec"]

log = logging.getLogger("bridge_core")

_RUNTIME = "flyte-bridge-1"
"""Version of what this file writes; a change of its form is a change of the content."""
_NAMES = tasks_pb2.Resources
# What Flyte 1 calls the devices that people know by these names (flytekit extras/accelerators.py): labels of nodes.
_LABELS = {
    "A10G": "nvidia-a10g", "L4": "nvidia-l4", "L40s": "nvidia-l40s", "T4": "nvidia-tesla-t4", "V100": "nvidia-tesla-v100",
    "A100": "nvidia-tesla-a100", "A100 80G": "nvidia-a100-80gb", "H100": "nvidia-h100",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NativeTasks:
    """Tasks written as values."""

    tasks: tuple[ContainerTask | ConnectorTask, ...]
    origin: str = "tasks written in Python"
    code: Code | None = None

    @classmethod
    def of(cls, items: Sequence[ContainerTask | ShellTask | ConnectorTask]) -> NativeTasks:
        """From all kinds."""
        return cls(tuple(item.container() if isinstance(item, ShellTask) else item for item in items))

    @property
    def digest(self) -> str:
        """Of all of them, without places and versions."""
        content = hashlib.sha256(_RUNTIME.encode())
        for task in sorted(self.tasks, key=lambda task: task.name):
            content.update(task_spec(task).SerializeToString(deterministic=True) + b"\0")
        return version_of(content)

    def draft(self) -> list[Spec]:
        """The tasks without a version."""
        return self.specs(BLANK)

    def specs(self, values: Values) -> list[Spec]:
        """Their specs."""
        out = []
        for task in self.tasks:
            message = task_spec(task)
            identifier = message.template.id
            identifier.project, identifier.domain = task.project or "", task.domain or ""
            identifier.version = task.version or ""
            fill(message, values)
            ref = EntityRef(EntityKind.TASK, task.name, identifier.project, identifier.domain, identifier.version)
            out.append(Spec(ref, message, self.origin))
        return out

    def close(self) -> None:
        """Nothing is held."""


def task_spec(task: ContainerTask | ConnectorTask) -> task_pb2.TaskSpec:
    """One task for the wire, its identifier holding the name only.

    Raises:
        InvalidRequest: An output has a type that copilot cannot read.
    """
    if isinstance(task, ConnectorTask):
        return connector_task_spec(task, runtime=_RUNTIME)
    template = tasks_pb2.TaskTemplate(type="raw-container")
    template.id.resource_type, template.id.name = identifier_pb2.TASK, task.name
    _metadata(template.metadata, task)
    for name, kind in task.inputs.items():
        template.interface.inputs.variables[name].type.CopyFrom(_typed(task, "input", name, kind))
    template.interface.outputs.SetInParent()
    for name, kind in task.outputs.items():
        found = _typed(task, "output", name, kind)
        if found.WhichOneof("type") not in ("simple", "blob"):
            raise InvalidRequest(
                f"task {task.name!r}: output {name!r} is {kind!r}; a container leaves simple values, files and directories "
                "(flytecopilot data/upload.go); write a file instead"
            )
        template.interface.outputs.variables[name].type.CopyFrom(found)
    container = template.container
    container.image = task.image
    container.command.extend(task.command)
    container.args.extend(task.arguments)
    container.env.extend(literals_pb2.KeyValuePair(key=key, value=value) for key, value in sorted(task.env.items()))
    _resources(container.resources, task)
    loading = container.data_config
    loading.enabled, loading.input_path, loading.output_path = True, task.input_path, task.output_path
    loading.format = tasks_pb2.DataLoadingConfig.JSON
    if task.secrets or task.service_account:
        template.security_context.run_as.k8s_service_account = task.service_account
        for text in task.secrets:
            group, _, key = text.partition("/")
            template.security_context.secrets.add(group=group, key=key, mount_requirement=security_pb2.Secret.ENV_VAR)
    _extended(template, task)
    if isinstance(task.pod_template, PodTemplate):
        into_pod(template, task.pod_template)
    if task.cache:
        template.metadata.discoverable = True
        template.metadata.discovery_version = task.cache if isinstance(task.cache, str) else _content_of(template)
    spec = task_pb2.TaskSpec(template=template)
    if task.description:
        spec.description.CopyFrom(
            description_entity_pb2.DescriptionEntity(short_description=task.description.strip().splitlines()[0])
        )
        spec.description.long_description.value = task.description
    return spec


def _metadata(metadata: Any, task: ContainerTask) -> None:
    metadata.runtime.type, metadata.runtime.version = tasks_pb2.RuntimeMetadata.OTHER, _RUNTIME
    metadata.runtime.flavor = "flyte-bridge"
    metadata.retries.retries = task.retries
    if task.timeout is not None:
        assert isinstance(task.timeout, float)
        metadata.timeout.FromNanoseconds(round(task.timeout * 1_000_000_000))
    if task.interruptible is not None:
        metadata.interruptible = task.interruptible
    metadata.cache_serializable = task.cache_serialize
    metadata.cache_ignore_input_vars.extend(task.cache_ignored_inputs)
    if isinstance(task.pod_template, str):
        metadata.pod_template_name = task.pod_template


def _typed(task: ContainerTask, what: str, name: str, kind: Any) -> types_pb2.LiteralType:
    try:
        return literal_type(kind)
    except InvalidRequest as error:
        raise error.with_message(f"task {task.name!r}: {what} {name!r}: {error.message}") from None


def _resources(out: Any, task: ContainerTask) -> None:
    for entries, wanted in ((out.requests, task.resources), (out.limits, task.limits or _accelerators(task.resources))):
        if wanted is None:
            continue
        device = wanted.device
        amounts = {
            _NAMES.CPU: wanted.cpu,
            _NAMES.MEMORY: wanted.mem,
            _NAMES.EPHEMERAL_STORAGE: wanted.disk,
            _NAMES.GPU: device.quantity if device else None,
        }
        for name, amount in amounts.items():
            if amount is not None:
                entries.add(name=name, value=str(amount))


def _accelerators(resources: Resources | None) -> Resources | None:
    """Kubernetes wants accelerators as limits too, and equal."""
    return Resources(gpu=resources.gpu) if resources is not None and resources.gpu else None


def _extended(template: Any, task: ContainerTask) -> None:
    wanted = task.resources.device if task.resources is not None else None
    device = wanted or (task.limits.device if task.limits is not None else None)
    if device is not None and (device.device or device.partition):
        template.extended_resources.gpu_accelerator.device = _label(task, device)
        if device.partition:
            template.extended_resources.gpu_accelerator.partition_size = device.partition
    if task.shared_memory:
        shared = template.extended_resources.shared_memory
        shared.mount_name, shared.mount_path = "flyte-shared-memory", "/dev/shm"  # noqa: S108
        shared.size_limit = task.shared_memory if isinstance(task.shared_memory, str) else ""


def _label(task: ContainerTask, device: Device) -> str:
    if not device.is_known:
        log.warning(
            "task %r: no %s called %r is known; it is passed on as it is", task.name, device.kind, device.device
        )
    return _LABELS.get(device.device, device.device)


def _content_of(template: Any) -> str:
    return version_of(hashlib.sha256(template.SerializeToString(deterministic=True)))
