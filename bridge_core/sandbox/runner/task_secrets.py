"""Secrets of tasks: a process sees those that its task asks for, as on a cluster, and none else of this server's.

flytekit looks for them in the environment first: ``_FSEC_GROUP_VERSION_KEY`` (the prefix is ``FLYTE_SECRETS_ENV_PREFIX``). The
guides call them ``FLYTE_SECRETS_GROUP_KEY``. Both are set, from what this server was given or finds under these names itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2

from ..model.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TaskSecrets"]

_ALIAS = "FLYTE_SECRETS_"
_SETTINGS = frozenset(_ALIAS + name for name in ("ENV_PREFIX", "DEFAULT_DIR", "FILE_PREFIX"))
"""How flytekit looks for secrets; no secrets themselves."""
_PARTS = 2


class TaskSecrets:
    """Where secrets are.

    Args:
        places: ``"group/key"`` -> ``"file:PATH"`` or ``"env:NAME"`` (of this server's environment), read for each attempt.

    Raises:
        ValueError: A name or place has another form, or there is no such file or variable.
    """

    def __init__(self, places: Mapping[str, str] | None = None) -> None:
        self._places: dict[str, str] = {}
        for name, place in (places or {}).items():
            parts = name.split("/")
            kind, colon, where = place.partition(":")
            if len(parts) != _PARTS or not all(parts) or not colon or kind not in ("file", "env") or not where:
                raise ValueError(f"secret {name!r}: wanted GROUP/KEY=file:PATH or GROUP/KEY=env:NAME")
            if not (Path(where).is_file() if kind == "file" else where in os.environ):
                what = f"no file {where!r}" if kind == "file" else f"no variable {where!r} in this environment"
                raise ValueError(f"secret {name!r}: there is {what}")
            self._places["_".join(parts).upper()] = place

    def __repr__(self) -> str:
        return f"TaskSecrets({sorted(self._places)})"

    def environment(self, task: Any, base: Mapping[str, str]) -> dict[str, str]:
        """The variables of a task: those of the server without its secrets, and with what the task asks for.

        Raises:
            Failure: A secret that was there when the server started cannot be read.
        """
        prefix = base.get(f"{_ALIAS}ENV_PREFIX", "_FSEC_")
        private = {place.partition(":")[2] for place in self._places.values() if place.startswith("env:")}
        out = {
            name: value
            for name, value in base.items()
            if name in _SETTINGS
            or not (name.startswith(_ALIAS) or (prefix and name.startswith(prefix)) or name in private)
        }
        for secret in task.security_context.secrets:
            name = "_".join(part.upper() for part in (secret.group, secret.group_version, secret.key) if part)
            value = self._value(secret, base, prefix)
            if value is not None:
                out |= dict.fromkeys([prefix + name, _ALIAS + name, *_wanted_name(secret)], value)
        return out

    def _value(self, secret: Any, base: Mapping[str, str], prefix: str) -> str | None:
        name = "_".join(part.upper() for part in (secret.group, secret.group_version, secret.key) if part)
        place = self._places.get(f"{secret.group}_{secret.key}".upper())
        if place is None:
            return base.get(prefix + name, base.get(_ALIAS + name))
        kind, _, where = place.partition(":")
        if kind == "env":
            return base.get(where)
        try:
            return Path(where).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            message = f"secret {secret.group}/{secret.key}: file {where} cannot be read: {why}"
            raise Failure("SecretNotReadable", message, kind=execution_pb2.ExecutionError.SYSTEM) from None


def _wanted_name(secret: Any) -> Iterator[str]:
    """The variable that the task itself names (``Secret(env_var=…)``, flyteidl 1.15)."""
    if "env_var" in secret.DESCRIPTOR.fields_by_name and secret.env_var:
        yield secret.env_var
