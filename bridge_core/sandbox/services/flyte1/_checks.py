"""What every request is checked for first (flyteadmin ``pkg/manager/impl/validation``)."""

from __future__ import annotations

import re
from typing import Any

from ...model.status import Rejected
from ...store.executions import TERMINAL

__all__ = ["check_labels", "check_notifications", "node_id_checked", "run_id_checked"]

_MOST_LABELS = 16
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME, _LONGEST_PREFIX = 63, 253


def run_id_checked(identifier: Any) -> Any:
    """The identifier of a run, when it is complete.

    Raises:
        Rejected: INVALID_ARGUMENT when a part is missing.
    """
    for field in ("project", "domain", "name"):
        if not getattr(identifier, field):
            raise Rejected("INVALID_ARGUMENT", f"missing {field}")
    return identifier


def node_id_checked(identifier: Any) -> Any:
    """The identifier of a node execution, when it is complete.

    Raises:
        Rejected: INVALID_ARGUMENT when a part is missing.
    """
    if not identifier.node_id:
        raise Rejected("INVALID_ARGUMENT", "missing node_id")
    run_id_checked(identifier.execution_id)
    return identifier


def check_labels(labels: Any) -> None:
    """Refuses what Kubernetes would not take for labels (flyteadmin ``validation.go``: validateLabels).

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    if len(labels.values) > _MOST_LABELS:
        raise Rejected("INVALID_ARGUMENT", f"labels map cannot exceed {_MOST_LABELS} entries")
    for key, value in labels.values.items():
        if not _is_qualified(key):
            raise Rejected("INVALID_ARGUMENT", f"invalid label key [{key}]: wanted [dns.prefix/]name, as in Kubernetes")
        if value and not _is_name(value):
            raise Rejected(
                "INVALID_ARGUMENT",
                f"invalid label value [{value}]: must be no more than {_LONGEST_NAME} characters, letters, digits, '-', '_' "
                "and '.', beginning and ending with a letter or a digit",
            )


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
            raise Rejected("INVALID_ARGUMENT", "missing recipient" if recipients else "missing recipients")
        if not TERMINAL.issuperset(notification.phases):
            raise Rejected("INVALID_ARGUMENT", "invalid value for phase")


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= _LONGEST_PREFIX):
        return False
    return _is_name(name)


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None
