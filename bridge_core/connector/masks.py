"""Secrets of connectors, and how they are kept out of what people read.

A secret that a connector asked for is remembered, and its value is masked in every log line, answer and error of the service; a
resource meta that holds one is refused, because Flyte keeps it where people can read it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from ..model.errors import InvalidRequest, SecretNotFound
from ..model.masking import MASK
from .public import public

__all__ = ["connector_secret", "masked", "masked_data", "refuse_secrets", "remember", "secrets_are_known"]

_SHORTEST = 6
"""Shorter values occur by chance in too many texts."""

_known: set[str] = set()
_lock = threading.Lock()


@public
def connector_secret(key: str, group: str | None = None, *, default: str | None = None) -> str:
    """A secret of the connector service: from the environment or a mounted file, as flytekit's ``get_connector_secret`` finds it.

    Variable ``_FSEC_GROUP_KEY``, then ``FLYTE_SECRETS_GROUP_KEY``, then ``GROUP_KEY``, then file ``/etc/secrets/group/key``
    (`Config.secrets` moves these). Read at every call, so that rotated secrets count.

    Args:
        key: Its key.
        group: Its group, if it has one.
        default: Instead of an error.

    Raises:
        SecretNotFound: It is in none of the places, which the message names.
    """
    from ..config import Config
    from ..secrets import SecretStore

    try:
        value = SecretStore(Config.auto(), local=True).get(group, key)
    except SecretNotFound:
        if default is None:
            raise
        return default
    remember(value)
    return value


def remember(value: str) -> None:
    """Masks this value from now on."""
    if len(value) >= _SHORTEST:
        with _lock:
            _known.add(value)


def secrets_are_known() -> bool:
    """Whether there is anything to mask."""
    return bool(_known)


def masked(text: str) -> str:
    """The text without the values that were remembered."""
    if not _known:
        return text
    with _lock:
        values = sorted(_known, key=len, reverse=True)
    for value in values:
        text = text.replace(value, MASK)
    return text


def masked_data(data: Any) -> Any:
    """The same, of every text in plain data."""
    if isinstance(data, str):
        return masked(data)
    if isinstance(data, Mapping):
        return {key: masked_data(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [masked_data(value) for value in data]
    return data


def refuse_secrets(data: bytes, what: str) -> None:
    """Checks data that Flyte will keep.

    Raises:
        InvalidRequest: It holds a secret.
    """
    with _lock:
        values = list(_known)
    if any(value.encode() in data for value in values):
        raise InvalidRequest(
            f"{what} holds a secret of the connector service, and Flyte keeps it where people can read it; look the secret up "
            "again in get and delete (connector_secret) instead"
        )
