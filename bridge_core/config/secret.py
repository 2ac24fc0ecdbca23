"""`Secret`: where a secret is, so that everything else may be shown, logged, hashed and exported.

Kept apart from texts because a text is printed by the first ``repr`` that meets it. Resolved only when it is used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from ..model.errors import ConfigError
from ..model.masking import MASK, Hidden, WithSecrets

__all__ = ["NO_SECRET", "HeaderSecret", "Secret", "wrap_secrets"]

_PUBLIC = frozenset({"miniostorage"})
"""Printed in Flyte's documentation of its sandbox, so exporting it gives nothing away."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret(WithSecrets):
    """A secret by value, by environment variable, or by file.

    With more than one given: location > environment variable > value (semantics.md, Auth spellings).
    """

    value: str | None = field(default=None)
    """The secret itself. Never shown, never exported; prefer a reference."""

    env_var: str | None = None
    """Name of the environment variable that holds it."""

    location: str | None = None
    """File that holds it; white space around it is dropped."""

    def __post_init__(self) -> None:
        for name in ("value", "env_var", "location"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, str):
                raise ConfigError(f"Secret.{name} must be a text, got {type(given).__name__}")
        if self.value and self.value not in _PUBLIC:
            object.__setattr__(self, "value", Hidden(self.value))

    def __bool__(self) -> bool:
        return bool(self.value or self.env_var or self.location)

    def __repr__(self) -> str:
        return f"Secret({self})"

    def __str__(self) -> str:
        if self.is_reference:
            return f"location={self.location!r}" if self.location else f"env_var={self.env_var!r}"
        return MASK if self.value else ""

    @property
    def is_reference(self) -> bool:
        """Whether the secret itself is somewhere else."""
        return bool(self.location or self.env_var)

    def reveal(self) -> str:
        """The secret. Read again each time, so that a rotated file counts.

        Raises:
            ConfigError: The file cannot be read, the variable is not set, or nothing was given.
        """
        if self.location:
            from pathlib import Path

            try:
                text = Path(self.location).expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or type(error).__name__
                raise ConfigError(
                    f"the secret in file {self.location} cannot be read: {reason}. Mount it there, or correct the location."
                ) from None
            if not text:
                raise ConfigError(f"the secret in file {self.location} is empty")
            return text
        if self.env_var:
            text = os.environ.get(self.env_var, "").strip()
            if not text:
                raise ConfigError(
                    f"the environment variable {self.env_var}, which should hold a secret, is not set in this process"
                )
            return text
        if self.value:
            return str(self.value)
        raise ConfigError("a secret is wanted, and none was given")

    def to_mapping(self, name: str) -> dict[str, Any]:
        """Plain JSON of the reference.

        Args:
            name: Its setting, ``auth.client_secret`` for instance, for the message.

        Raises:
            ConfigError: The secret is given by value only.
        """
        if self.is_reference:
            return {key: given for key in ("env_var", "location") if (given := getattr(self, key))}
        if self.value and self.value not in _PUBLIC:
            raise ConfigError(
                f"{name} is given by value, and secrets are exported by reference only; put it into a file or an "
                f"environment variable and set {name} to {{'location': FILE}} or {{'env_var': NAME}}"
            )
        return {"value": self.value} if self.value else {}


class HeaderSecret(Secret):
    """A secret that is sent as it is in a header, so that it must be one line of printable ASCII.

    Checked when it is resolved, because the file may have changed: gRPC would call a bad one an outage.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Equal to any secret at the same place: it differs in its check only."""
        if not isinstance(other, Secret):
            return NotImplemented
        return (self.value, self.env_var, self.location) == (other.value, other.env_var, other.location)

    __hash__ = Secret.__hash__

    def reveal(self) -> str:
        """See `Secret.reveal`."""
        from .metadata import check_value

        return check_value("auth.token", super().reveal())


NO_SECRET = Secret()
"""None given."""


def wrap_secrets(part: Any, section: str) -> None:
    """Makes a `Secret` of every secret of a part that was given as a text, whoever gave it: only that is never shown.

    Args:
        part: A frozen dataclass with ``PARTS``, in its ``__post_init__``.
        section: Its name, for the message.

    Raises:
        ConfigError: Something is neither; the message holds its type only.
    """
    for name in (name for name, kind in part.PARTS.items() if kind is Secret):
        given = getattr(part, name)
        if isinstance(given, str):
            object.__setattr__(part, name, Secret(given))
        elif not isinstance(given, Secret):
            raise ConfigError(f"{section}.{name} must be a Secret or a text, got {type(given).__name__}")
