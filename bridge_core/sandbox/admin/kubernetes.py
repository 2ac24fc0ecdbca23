"""Why Kubernetes would not take the object of a run, which FlyteAdmin makes before it stores the run.

After flyteadmin ``pkg/workflowengine/impl/k8s_executor.go``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..controls.outages import Outages

__all__ = ["refusal"]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def refusal(outages: Outages, execution: Any) -> str:
    """Its words, or FlyteAdmin's own; empty when it would take the object.

    Args:
        outages: Whether it is away.
        execution: The execution. One may be called ``UPPER`` in FlyteAdmin and in no Kubernetes.
    """
    label = execution.spec.execution_cluster_label.value
    if execution.spec.HasField("execution_cluster_label") and label:
        return f"execution cluster label {label} is not supported"  # a single cluster has none
    away = outages.check_kubernetes("Post", execution.spec.metadata.system_metadata.namespace)
    if away:
        return away
    name = execution.id.name
    if _SUBDOMAIN.fullmatch(name):
        return ""
    return (
        f'FlyteWorkflow.flyte.lyft.com "{name}" is invalid: metadata.name: Invalid value: "{name}": '
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end"
        " with an alphanumeric character"
        " (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
