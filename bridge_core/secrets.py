"""`SecretStore`: secrets of tasks, found where Flyte mounts them (flytekit's ``SecretsManager``).

Order (semantics.md, Files, secrets, checkpoints): environment with prefix, environment without prefix if this is a local
execution, file. Read at every call, so that rotated secrets count.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from .config.secret_places import SecretsConfig
from .model.arguments import need, need_text
from .model.errors import InvalidRequest, SecretNotFound
from .model.public import public

if TYPE_CHECKING:
    from .config import Config

__all__ = ["SecretGroup", "SecretStore"]

_ALIAS = "FLYTE_SECRETS_"
_RESERVED = frozenset({"ENV_PREFIX", "DEFAULT_DIR", "FILE_PREFIX", "HOST", "PORT", "DISABLED", "DISABLE_TAGS"})
"""``FLYTE_SECRETS_…`` names that are settings, not secrets (config/keys.py)."""


class SecretGroup:
    """The secrets of one group, by attribute; each is looked up when it is named.

    Example:
        >>> from bridge_core import Config, SecretStore
        >>> SecretStore(Config.for_sandbox(), local=True).my_group.my_key  # doctest: +SKIP
        'value'
    """

    def __init__(self, store: SecretStore, group: str) -> None:
        self._store = store
        self._group = group

    def __getattr__(self, key: str) -> str:
        """The secret of this key.

        Raises:
            SecretNotFound: There is none.
        """
        if key.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {key!r}")
        return self._store.get(self._group, key)

    def __repr__(self) -> str:
        return f"SecretGroup({self._group!r})"


@public
class SecretStore:
    """Looks secrets up.

    Args:
        config: Prefixes and folder: `Config.secrets`.
        local: Whether variables without prefix count too.
    """

    def __init__(self, config: Config, *, local: bool = False) -> None:
        need("SecretStore", getattr(config, "secrets", None), SecretsConfig, "a Config")
        self._config = config.secrets
        self._local = local

    def __getattr__(self, group: str) -> SecretGroup:
        """A group by its name, as in flytekit: ``store.my_group.my_key`` is ``store.get("my_group", "my_key")``.

        Groups that are called like a method of this class, or begin with ``_``, are only found by `get`.
        """
        if group.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {group!r}")
        return SecretGroup(self, group)

    def __repr__(self) -> str:
        return f"SecretStore(env_prefix={self._config.env_prefix!r}, default_dir={self._config.default_dir!r})"

    @overload
    def get(
        self,
        group: str | None = None,
        key: str | None = None,
        group_version: str | None = None,
        encode_mode: Literal["r"] = "r",
        *,
        local: bool | None = None,
    ) -> str: ...

    @overload
    def get(
        self,
        group: str | None = None,
        key: str | None = None,
        group_version: str | None = None,
        *,
        encode_mode: Literal["rb"],
        local: bool | None = None,
    ) -> bytes: ...

    def get(
        self,
        group: str | None = None,
        key: str | None = None,
        group_version: str | None = None,
        encode_mode: str = "r",
        *,
        local: bool | None = None,
    ) -> str | bytes:
        """One secret.

        Args:
            group: Its group.
            key: Its key.
            group_version: Version of the group.
            encode_mode: ``"r"``: text, white space around it dropped. ``"rb"``: bytes, verbatim.
            local: Whether variables without prefix count. None: as the store was made.

        Raises:
            SecretNotFound: It is in none of the places, which the message names. Also a `ValueError`.
            InvalidRequest: No name was given, or one that could not be a secret's.
        """
        if encode_mode not in ("r", "rb"):
            raise InvalidRequest(f"encode_mode must be 'r' or 'rb', got {encode_mode!r}")
        places = self._variables(group, key, group_version, local=self._local if local is None else local)
        for name in places:
            if name in os.environ:
                return os.environ[name].strip() if encode_mode == "r" else os.fsencode(os.environ[name])
        file = self.get_secrets_file(group, key, group_version)
        try:
            raw = file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise SecretNotFound(
                f"{_named(group, group_version, key)}: file {file} cannot be read: {error.strerror}"
            ) from None
        else:
            if encode_mode == "rb":
                return raw
            try:
                return raw.decode().strip()
            except UnicodeDecodeError:
                raise InvalidRequest(
                    f"{_named(group, group_version, key)}: file {file} holds no text; use encode_mode='rb'"
                ) from None
        looked = ", ".join(f"variable {name}" for name in places)
        raise SecretNotFound(
            f"{_named(group, group_version, key)} was not found; looked at {looked}, file {file}. Request it in the task "
            "(secret_requests), or set one of these."
        )

    def get_secrets_env_var(
        self, group: str | None = None, key: str | None = None, group_version: str | None = None
    ) -> str:
        """The variable that is looked at first."""
        return self._config.env_prefix + "_".join(part.upper() for part in _parts(group, group_version, key))

    def get_secrets_file(
        self, group: str | None = None, key: str | None = None, group_version: str | None = None
    ) -> Path:
        """The file that is looked at last."""
        *folders, name = [part.lower() for part in _parts(group, group_version, key)]
        return Path(self._config.default_dir, *folders, f"{self._config.file_prefix}{name}")

    def _variables(self, group: str | None, key: str | None, version: str | None, *, local: bool) -> list[str]:
        name = "_".join(part.upper() for part in _parts(group, version, key))
        places = [self._config.env_prefix + name]
        if name not in _RESERVED:
            places.append(_ALIAS + name)
        if local:
            places.append(name)
        return list(dict.fromkeys(places))


def _parts(group: str | None, version: str | None, key: str | None) -> list[str]:
    parts = [part for part in (group, version, key) if part]
    if not parts:
        raise InvalidRequest("a secret needs a group, a key, or both")
    for part in parts:
        need_text("secret", part, "texts as group, version and key")
        if "/" in part or "\0" in part or "=" in part or part in (".", ".."):
            raise InvalidRequest(f"{part!r} cannot be part of a secret's name: no '/', '=' and no dots alone")
    return parts


def _named(group: str | None, version: str | None, key: str | None) -> str:
    return "secret " + "/".join(part for part in (group, version, key) if part)
