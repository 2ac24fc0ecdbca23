"""What every request is checked for first (flyteadmin ``pkg/manager/impl/validation``), in its order and its words."""

from __future__ import annotations

from typing import Any

from flyteidl.core import execution_pb2, identifier_pb2

from ..model.go_text import go_text
from ..model.ids import kind_name
from ..model.status import Rejected
from .kubernetes_names import label_name_errors, label_value_errors

__all__ = [
    "check_labels",
    "check_limit",
    "check_notifications",
    "check_resource_type",
    "entity_checked",
    "entity_read",
    "fields_checked",
    "missing",
    "node_checked",
    "require",
    "run_checked",
    "task_execution_checked",
]

_MOST_LABELS = 16
_Phase = execution_pb2.WorkflowExecution
_ENDS = frozenset({_Phase.SUCCEEDED, _Phase.FAILED, _Phase.ABORTED, _Phase.TIMED_OUT})


def missing(field: str) -> Rejected:
    """INVALID_ARGUMENT: a field is not there, or empty."""
    return Rejected("INVALID_ARGUMENT", f"missing {field}")


def require(message: Any, *fields: str) -> None:
    """Refuses empty texts.

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    for field in fields:
        if not getattr(message, field):
            raise missing(field)


def fields_checked(request: Any, field: str) -> Any:
    """The identifier of an entity in a field, when it is complete."""
    if not request.HasField(field):
        raise missing("id")
    identifier = getattr(request, field)
    require(identifier, "project", "domain", "name", "version")
    return identifier


def entity_read(request: Any, resource_type: int) -> Any:
    """The identifier in a request to read or change an entity: it need not say which kind that is (``rpc/adminservice``)."""
    if request.HasField("id") and request.id.resource_type == identifier_pb2.UNSPECIFIED:
        request.id.resource_type = resource_type
    return entity_checked(request, "id", resource_type)


def entity_checked(request: Any, field: str, resource_type: int) -> Any:
    """The identifier of an entity of one kind in a field, when it is complete.

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    if not request.HasField(field):
        raise missing("id")
    identifier = getattr(request, field)
    if identifier.resource_type != resource_type:
        found, wanted = kind_name(identifier.resource_type).lower(), kind_name(resource_type).lower()
        text = f"unexpected resource type {found} for identifier [{go_text(identifier)}], expected {wanted} instead"
        raise Rejected("INVALID_ARGUMENT", text)
    return fields_checked(request, field)


def run_checked(message: Any, field: str = "id") -> Any:
    """The identifier of a run in a field, when it is complete."""
    if not message.HasField(field):
        raise missing("id")
    identifier = getattr(message, field)
    require(identifier, "project", "domain", "name")
    return identifier


def node_checked(message: Any, field: str = "id") -> Any:
    """The identifier of a node execution in a field, when it is complete."""
    if not message.HasField(field):
        raise missing("id")
    identifier = getattr(message, field)
    if not identifier.HasField("execution_id"):
        raise missing("execution_id")
    require(identifier, "node_id")
    run_checked(identifier, "execution_id")
    return identifier


def task_execution_checked(message: Any, field: str = "id") -> Any:
    """The identifier of a task execution in a field, when it is complete."""
    if not message.HasField(field):
        raise missing("id")
    identifier = getattr(message, field)
    if identifier.HasField("task_id") and identifier.task_id.resource_type == identifier_pb2.UNSPECIFIED:
        identifier.task_id.resource_type = identifier_pb2.TASK
    if not identifier.HasField("node_execution_id"):
        raise missing("node_execution_id")
    node_checked(identifier, "node_execution_id")
    if not identifier.HasField("task_id"):
        raise missing("task_id")
    entity_checked(identifier, "task_id", identifier_pb2.TASK)
    return identifier


def check_limit(limit: int) -> None:
    """Refuses a page of nothing."""
    if limit == 0:
        raise Rejected("INVALID_ARGUMENT", "invalid value for limit")


def check_resource_type(resource_type: int) -> None:
    """Refuses no kind of entity."""
    if resource_type == identifier_pb2.UNSPECIFIED:
        raise Rejected("INVALID_ARGUMENT", "invalid value for resource_type")


def check_labels(labels: Any) -> None:
    """Refuses what Kubernetes would not take for labels (flyteadmin ``validation.go``: validateLabels).

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    if len(labels.values) > _MOST_LABELS:
        raise Rejected("INVALID_ARGUMENT", f"labels map cannot exceed {_MOST_LABELS} entries")
    for key, value in labels.values.items():
        for what, text, errors in (("key", key, label_name_errors(key)), ("value", value, label_value_errors(value))):
            if errors:
                raise Rejected("INVALID_ARGUMENT", f"invalid label {what} [{text}]: [{' '.join(errors)}]")


def check_notifications(notifications: Any) -> None:
    """Refuses notifications to nobody, of no kind, or of a phase that is not the end (``notifications_validator.go``).

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    for notification in notifications:
        kind = notification.WhichOneof("type")
        if kind is None:
            raise Rejected("INVALID_ARGUMENT", "invalid value for notification type")
        recipients = getattr(notification, kind).recipients_email
        if not all(recipients) or not recipients:
            raise missing("recipient" if recipients else "recipients")
        if not _ENDS.issuperset(notification.phases):
            raise Rejected("INVALID_ARGUMENT", "invalid value for phase")
