"""A task's container as part of a pod of the author's, as flytekit makes it (core/utils.py ``_serialize_pod_spec``)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from ..model.errors import InvalidRequest

if TYPE_CHECKING:
    from ..model.pod_template import PodTemplate

__all__ = ["into_pod"]

_PRIMARY = "primary_container_name"


def into_pod(template: Any, pod: PodTemplate) -> None:
    """Moves the container of a ``TaskTemplate`` into a pod, in place.

    Raises:
        InvalidRequest: The spec is no JSON, or accelerators were asked for: only the cluster knows their resource's name.
    """
    where = f"task {template.id.name!r}"
    ours = template.container
    resources = {
        kind: {_name(item): item.value for item in getattr(ours.resources, kind)} for kind in ("limits", "requests")
    }
    if any("gpu" in names for names in resources.values()):
        raise InvalidRequest(
            f"{where}: accelerators in Resources cannot be put into a pod template: write them into the container of the pod, "
            "as the resource that the cluster calls them by ('nvidia.com/gpu')"
        )
    spec = copy.deepcopy(dict(pod.spec))
    containers = [dict(item) for item in spec.get("containers", ())]
    mine = next((item for item in containers if item["name"] == pod.primary_container), None)
    if mine is None:
        mine = {"name": pod.primary_container}
        containers.append(mine)
    mine.setdefault("image", ours.image)
    mine["command"], mine["args"] = list(ours.command), list(ours.args)
    if any(resources.values()):
        mine["resources"] = resources
    mine["env"] = [*({"name": pair.key, "value": pair.value} for pair in ours.env), *mine.get("env", ())]
    spec["containers"] = containers
    moved = tasks_pb2.K8sPod(data_config=ours.data_config)
    moved.metadata.labels.update(pod.labels)
    moved.metadata.annotations.update(pod.annotations)
    try:
        json_format.ParseDict(spec, moved.pod_spec)
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise InvalidRequest(f"{where}: pod template: the spec is no JSON: {error}") from None
    template.k8s_pod.CopyFrom(moved)  # takes the container's place: one of a oneof
    template.config[_PRIMARY] = pod.primary_container


def _name(entry: Any) -> str:
    name: str = tasks_pb2.Resources.ResourceName.Name(entry.name)
    return name.lower().replace("_", "-")
