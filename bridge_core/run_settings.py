"""Structured values of `RunOptions`: whom to notify, and as whom to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .errors import InvalidRequest

__all__ = ["Notification", "SecurityContext"]

_KINDS = ("email", "slack", "pager_duty")
_PHASES = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")


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
        object.__setattr__(self, "recipients", tuple(self.recipients))
        object.__setattr__(self, "phases", tuple(self.phases))
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
        return _from_mapping(cls, mapping)


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
        return _from_mapping(cls, mapping)


def _from_mapping(cls: Any, mapping: Any) -> Any:
    name = cls.__name__
    if not isinstance(mapping, Mapping):
        raise InvalidRequest(f"{name}: wanted a mapping with {', '.join(cls.__dataclass_fields__)}, got {mapping!r}")
    unknown = sorted(set(mapping) - set(cls.__dataclass_fields__))
    if unknown:
        raise InvalidRequest(f"{name}: unknown key {unknown[0]!r}; known are {', '.join(cls.__dataclass_fields__)}")
    try:
        return cls(**mapping)
    except TypeError as error:
        raise InvalidRequest(f"{name} {dict(mapping)!r}: {error}") from None
