"""`PodTemplate`: the pod that a task runs in, where a name of one in the cluster is not enough. Inert; plain Kubernetes JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .arguments import need, wrong
from .errors import InvalidRequest
from .public import public

__all__ = ["PodTemplate"]


@public
@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A pod that travels with its task; the task's container becomes one of it.

    Example:
        >>> PodTemplate({"nodeSelector": {"disk": "fast"}}, labels={"team": "a"}).primary_container
        'primary'
    """

    spec: Mapping[str, Any]
    """Kubernetes' ``PodSpec`` as JSON or YAML have it, in its own spelling (``nodeSelector``). The container that is called
    `primary_container` gets the task's command, environment and resources, and its image unless it names one; without such a
    container, it is added."""
    primary_container: str = field(default="primary", kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    annotations: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        need("pod template: spec", self.spec, Mapping, "a mapping, Kubernetes' PodSpec")
        if not isinstance(self.primary_container, str) or not self.primary_container:
            raise wrong("pod template: primary_container", "a text that is not empty", self.primary_container)
        for name in ("labels", "annotations"):
            value = getattr(self, name)
            need(f"pod template: {name}", value, Mapping, "a mapping of text to text")
            if not all(isinstance(item, str) for pair in value.items() for item in pair):
                raise InvalidRequest(f"pod template: {name} must map text to text, got {dict(value)!r}")
        if odd := [name for name in ("apiVersion", "kind", "metadata", "spec", "template") if name in self.spec]:
            raise InvalidRequest(
                f"pod template: spec has {odd[0]!r}, so it is a whole object; give what stands under its spec, and labels= and "
                "annotations= by themselves"
            )
        containers = self.spec.get("containers", [])
        if not isinstance(containers, list | tuple) or not all(
            isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in containers
        ):
            raise InvalidRequest("pod template: containers must be a list of mappings with a name each")
