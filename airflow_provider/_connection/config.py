"""An Airflow connection as a `Config`: pure, so that one table of cases tests every field.

Precedence: this connection > ``FLYTE_*`` environment > its ``config_file`` (or the home directory's) > defaults. Nothing is
discovered from the working directory: a worker's working directory is nobody's intention.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge_core import Config, ConfigError, run_name

from .keys import EXTRA_KEYS, LIMITS, SETTINGS, unknown_key
from .limits import ConnectionLimits

__all__ = ["EXTRA_KEYS", "at_place", "config_from_connection", "limits_from_connection", "place_of"]

_PREFIX = "extra__flyte__"


def config_from_connection(
    conn_id: str,
    *,
    host: str | None = None,
    port: int | None = None,
    login: str | None = None,
    password: str | None = None,
    schema: str | None = None,
    extra: str | None = None,
) -> Config:
    """The Flyte that a connection means.

    Args:
        conn_id: Named in messages.
        host: Host, or ``host:port``. Empty: environment, file or default decide.
        port: Port.
        login: OAuth client id.
        password: OAuth client secret; without an ``auth_mode`` it means client credentials.
        schema: Must be empty: Flyte has no such thing.
        extra: JSON object with keys of `EXTRA_KEYS`; those that are null or empty count as not given.

    Raises:
        ConfigError: An unknown key, a value of the wrong type, two ports that differ, or a field nobody would read.
    """
    if schema:
        raise ConfigError(f"connection {conn_id!r}: schema is set, and Flyte has no use for it; empty it")
    settings = _settings(conn_id, extra)
    if login:
        settings["auth.client_id"] = login
    if password:
        settings["auth.client_secret"] = password
        settings.setdefault("auth.mode", "ClientSecret")
    path = settings.pop("config_file", None)
    for name in LIMITS:
        settings.pop(name, None)
    try:
        return Config.auto(path, search_cwd=False, endpoint=_endpoint(conn_id, host, port), **settings)
    except ConfigError as error:
        if error.message.startswith("connection "):
            raise
        raise error.with_message(f"connection {conn_id!r}: {error.message}") from None


def limits_from_connection(conn_id: str, extra: str | None) -> ConnectionLimits:
    """What tasks may do with the connection; see `config_from_connection`."""
    settings = _settings(conn_id, extra)
    return ConnectionLimits(conn_id, *(settings.get(name) for name in LIMITS))


def place_of(config: Config) -> dict[str, Any]:
    """What a waiting task must remember of its connection, which may be edited meanwhile: plain JSON without secrets.

    ``key`` changes with everything that decides how Flyte is reached, so that tasks share a client exactly when their
    connection meant the same.
    """
    auth = config.auth
    decides = (
        config.endpoint,
        config.insecure,
        config.insecure_skip_verify,
        config.ca_cert_file,
        config.rpc_timeout,
        auth.mode,
        auth.client_id,
        auth.scopes,
    )
    return {"endpoint": config.endpoint, "insecure": config.insecure, "key": run_name("place", *decides)}


def at_place(config: Config, place: Mapping[str, Any] | None) -> Config:
    """The connection as it is now, but at the Flyte where the run was launched."""
    if not place or (place["endpoint"], place["insecure"]) == (config.endpoint, config.insecure):
        return config
    return config.replace(endpoint=place["endpoint"], insecure=place["insecure"])


def _settings(conn_id: str, extra: str | None) -> dict[str, Any]:
    if not extra or not extra.strip():
        return {}
    try:
        given = json.loads(extra)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"connection {conn_id!r}: extra is not JSON (line {error.lineno}, column {error.colno}: {error.msg}); "
            'wanted an object like {"insecure": true}'
        ) from None
    if not isinstance(given, dict):
        raise ConfigError(
            f'connection {conn_id!r}: extra must be a JSON object like {{"insecure": true}}, got {type(given).__name__}'
        )
    settings: dict[str, Any] = {}
    for key, raw in given.items():
        name = key.removeprefix(_PREFIX)  # how Airflow 2 forms stored their fields
        if name not in EXTRA_KEYS:
            raise unknown_key(conn_id, key, name)
        if raw is None or raw == "":
            continue
        settings[SETTINGS.get(name, name)] = EXTRA_KEYS[name](f"connection {conn_id!r}: {name} in extra", raw)
    return settings


def _endpoint(conn_id: str, host: str | None, port: int | None) -> str | None:
    """``host:port``; None when the connection names no host."""
    text = (host or "").strip().rstrip("/")
    if not text:
        if port:
            raise ConfigError(f"connection {conn_id!r}: port {port} without a host")
        return None
    # dns:///host:443 is how Flyte's own files write it; Config drops the scheme.
    bare = text.removeprefix("dns:///").removeprefix("https://")
    if bare.count(":") > 1 and set(bare.lower()) <= set("0123456789abcdef:."):  # IPv6: its port has a field of its own
        text = bare = f"[{bare}]"
    head, colon, tail = bare.rpartition(":")
    has_port = bool(colon) and tail.isdigit() and (":" not in head or head.endswith("]"))
    if port and has_port and int(tail) != port:
        raise ConfigError(f"connection {conn_id!r}: host {host!r} and port {port} contradict each other; give one port")
    return text if has_port or not port else f"{text}:{port}"
