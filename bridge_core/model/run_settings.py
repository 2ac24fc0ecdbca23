"""Structured values of `RunOptions`: whom to notify, and as whom to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Self

from .arguments import need
from .errors import InvalidRequest
from .public import public

__all__ = ["Notification", "SecurityContext", "read_settings"]

_KINDS = ("email", "slack", "pager_duty")
_PHASES = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message that Flyte sends when a run reaches one of these phases.

    Example:
        >>> Notification(kind="email", recipients=("oncall@example.com",), phases=("FAILED", "TIMED_OUT")).kind
        'email'
    """

    kind: str
    """``email``, ``slack`` or ``pager_duty``: the channels that FlyteAdmin knows; all are addressed by e-mail."""
    recipients: tuple[str, ...]
    phases: tuple[str, ...] = ("FAILED", "TIMED_OUT")
    """Terminal phases: FlyteAdmin takes no others (validation/notifications_validator.go)."""

    def __post_init__(self) -> None:
        for name in ("recipients", "phases"):
            value = getattr(self, name)
            need(f"{self.kind} notification: {name}", value, list | tuple, "a list of texts")
            object.__setattr__(self, name, tuple(value))
        if self.kind not in _KINDS:
            raise InvalidRequest(f"notification kind {self.kind!r}: wanted one of {', '.join(_KINDS)}")
        if not self.recipients or not all(isinstance(item, str) and item for item in self.recipients):
            raise InvalidRequest(f"{self.kind} notification: at least one recipient is wanted, got {self.recipients!r}")
        bad = [phase for phase in self.phases if phase not in _PHASES]
        if bad or not self.phases:
            raise InvalidRequest(
                f"{self.kind} notification: phases must be of {', '.join(_PHASES)}, got {self.phases!r}"
            )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """From plain JSON.

        Raises:
            InvalidRequest: A key is unknown or missing.
        """
        return cls(**_known(cls, mapping))


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext:
    """As whom the tasks of a run run (``ExecutionSpec.security_context.run_as``)."""

    service_account: str | None = None
    """Kubernetes service account."""
    iam_role: str | None = None

    def __post_init__(self) -> None:
        if not self.service_account and not self.iam_role:
            raise InvalidRequest(
                "security_context needs a service_account or an iam_role: FlyteAdmin ignores one without (impl/util/shared.go)"
            )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """From plain JSON.

        Raises:
            InvalidRequest: A key is unknown or missing.
        """
        return cls(**_known(cls, mapping))


def read_settings(values: dict[str, Any]) -> None:
    """Notifications and security context as plain JSON has them become values, in place; what is one already stays.

    Raises:
        InvalidRequest: A key of one is unknown or missing.
    """
    if isinstance(values.get("notifications"), list | tuple):
        values["notifications"] = tuple(
            item if isinstance(item, Notification) else Notification.from_mapping(item)
            for item in values["notifications"]
        )
    if isinstance(values.get("security_context"), Mapping):
        values["security_context"] = SecurityContext.from_mapping(values["security_context"])


def _known(cls: Any, mapping: Any) -> dict[str, Any]:
    """The mapping, if it has the keys of this class: all that have no default, and no others."""
    name, known = cls.__name__, cls.__dataclass_fields__
    if not isinstance(mapping, Mapping):
        raise InvalidRequest(f"{name}: wanted a mapping with {', '.join(known)}, got {mapping!r}")
    unknown = sorted(set(mapping) - set(known))
    if unknown:
        raise InvalidRequest(f"{name}: unknown key {unknown[0]!r}; known are {', '.join(known)}")
    missing = [key for key, item in known.items() if item.default is MISSING and key not in mapping]
    if missing:
        raise InvalidRequest(f"{name} {dict(mapping)!r} lacks {', '.join(missing)}")
    return dict(mapping)
