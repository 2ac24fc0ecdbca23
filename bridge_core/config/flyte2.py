"""Where Flyte 2 and its SDK keep settings of their own: API keys, and the variables of a task's pod."""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Any

from ..model.errors import ConfigError
from .parse import boolean

__all__ = ["from_api_key", "in_cluster", "injected_key"]

API_KEY = "FLYTE_API_KEY"
_INJECTED = ("_UNION_EAGER_API_KEY", "EAGER_API_KEY")
_ENDPOINT, _PLATFORM = "_U_EP_OVERRIDE", ("FLYTE_ADMIN_ENDPOINT", "FLYTE_PLATFORM_URL")
_IN_CLUSTER = "host.docker.internal:8090"
"""Where the SDK looks in a pod that is told nothing."""

_KEY = re.compile(
    r"(?P<endpoint>(?:dns:///|https?://)?(?:\[[^\]]*\]|[^:/]+)(?::\d+)?):(?P<client>[^:]*):(?P<secret>.*):(?P<org>[^:]*)",
    re.DOTALL,
)
"""``endpoint:client_id:client_secret:org``. An endpoint may have a scheme and a port, a secret may hold anything: the secret is
what is left between the first three and the last. The SDK splits at the first three colons, wherever they are."""


def from_api_key(key: str | None) -> dict[str, Any]:
    """Settings that an API key stands for.

    Args:
        key: None: `FLYTE_API_KEY`.

    Raises:
        ConfigError: There is none, or it is no API key. It is never shown.
    """
    where = "the API key" if key is not None else API_KEY
    text = key if key is not None else os.environ.get(API_KEY, "")
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f"no API key: give one, or set {API_KEY}")
    try:
        decoded = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise ConfigError(f"{where} is no API key of Flyte 2: it is not base64") from None
    found = _KEY.fullmatch(decoded)
    if found is None or not found["client"]:
        raise ConfigError(
            f"{where} is no API key of Flyte 2: wanted base64 of endpoint:client_id:client_secret:org, and it has "
            f"{decoded.count(':') + 1} parts"
        )
    endpoint = found["endpoint"]
    plaintext = endpoint.startswith("http://")
    return {
        "endpoint": endpoint.removeprefix("http://"),
        "insecure": plaintext,
        "org": found["org"] if found["org"] not in ("", "None") else None,
        "flyte_version": 2,
        "auth": {"mode": "ClientSecret", "client_id": found["client"], "client_secret": {"value": found["secret"]}},
    }


def in_cluster() -> dict[str, Any]:
    """Settings that Flyte 2 gives the pod of a task, without credentials: those follow `Config.in_cluster`'s order."""
    env = os.environ.get
    endpoint = next((env(name) for name in (_ENDPOINT, *_PLATFORM) if env(name)), None) or _IN_CLUSTER
    given = {
        "endpoint": endpoint.removeprefix("http://"),
        "insecure": boolean("_U_INSECURE", env("_U_INSECURE")) or endpoint.startswith("http://") or None,
        "insecure_skip_verify": boolean("_U_INSECURE_SKIP_VERIFY", env("_U_INSECURE_SKIP_VERIFY")),
        "org": env("_U_ORG_NAME") or None,
        "project": env("FLYTE_INTERNAL_EXECUTION_PROJECT") or None,
        "domain": env("FLYTE_INTERNAL_EXECUTION_DOMAIN") or None,
        "flyte_version": 2,
    }
    return {name: value for name, value in given.items() if value is not None}


def injected_key() -> str | None:
    """The API key that a control plane puts into pods; not when the pod says how to log in."""
    if os.environ.get("FLYTE_AUTH_TYPE") or os.environ.get("FLYTE_ADMIN_AUTHTYPE"):
        return None
    return next((os.environ[name] for name in _INJECTED if os.environ.get(name)), None)
