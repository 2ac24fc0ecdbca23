"""Where Flyte 2 and its SDK keep settings of their own: API keys, and the variables of a task's pod."""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError
from .parse import boolean
from .settings import flatten, layered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .sources import Found

__all__ = ["cluster_settings", "from_api_key"]

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


def cluster_settings(cls: type, api_key: str | None, arguments: Mapping[str, Found]) -> dict[str, Found]:
    """Settings inside a task. Credentials, in the order of its SDK: the given key, the file that ``UCTL_CONFIG`` or
    ``FLYTECTL_CONFIG`` names, what ``FLYTE_AUTH_TYPE`` says, the key that the control plane put there.

    Args:
        cls: `Config`.
        api_key: See `from_api_key`.
        arguments: Win over the rest.
    """
    from .discover import find_file
    from .sources import read_environment, read_file

    pod = flatten(cls, _in_cluster(), "environment of the task")
    mounted = os.environ.get("UCTL_CONFIG") or os.environ.get("FLYTECTL_CONFIG")
    if api_key is None and mounted:
        file = find_file(mounted)
        placed = {name: found for name, found in pod.items() if name in ("org", "project", "domain", "flyte_version")}
        return layered(read_file(file) if file else {}, read_environment(), placed, arguments)
    key = api_key if api_key is not None else _injected_key()
    if key is not None:
        return layered(flatten(cls, from_api_key(key), "API key"), pod, arguments)
    login = {name: found for name, found in read_environment().items() if name.startswith("auth.")}
    return layered(login, pod, arguments)


def _in_cluster() -> dict[str, Any]:
    """Settings that Flyte 2 gives the pod of a task, without credentials."""
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


def _injected_key() -> str | None:
    """The API key that a control plane puts into pods; not when the pod says how to log in."""
    if os.environ.get("FLYTE_AUTH_TYPE") or os.environ.get("FLYTE_ADMIN_AUTHTYPE"):
        return None
    return next((os.environ[name] for name in _INJECTED if os.environ.get(name)), None)
