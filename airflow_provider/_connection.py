"""An Airflow connection as a `Config`: pure, so that one table of cases tests every field.

Precedence: this connection > ``FLYTE_*`` environment > its ``config_file`` (or the home directory's) > defaults. Nothing is
discovered from the working directory: a worker's working directory is nobody's intention.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from bridge_core import Config, ConfigError, run_name

__all__ = ["EXTRA_KEYS", "at_place", "config_from_connection", "place_of"]


def _text(where: str, raw: Any) -> str:
    if not isinstance(raw, str):
        raise ConfigError(f"{where} must be a text, got {raw!r}")
    return raw.strip()


def _switch(where: str, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()  # a connection written as a URI carries texts only
    if text in {"true", "1", "yes", "on"}:
        return True
    if text in {"false", "0", "no", "off"}:
        return False
    raise ConfigError(f"{where} must be true or false, got {raw!r}")


def _number(where: str, raw: Any) -> float:
    try:
        return float(raw)
    except (TypeError, ValueError):
        raise ConfigError(f"{where} must be a number of seconds, got {raw!r}") from None


def _metadata(where: str, raw: Any) -> tuple[tuple[str, str], ...]:
    """May hold a token: no message of this function shows a value."""
    if not isinstance(raw, dict) or not all(isinstance(key, str) and isinstance(raw[key], str) for key in raw):
        raise ConfigError(f'{where} must be an object of texts, like {{"authorization": "Bearer …"}}')
    return tuple((key.lower(), value) for key, value in raw.items())


def _secret(where: str, raw: Any) -> str:
    if not isinstance(raw, str):
        raise ConfigError(f"{where} must be a text")
    return raw.strip()


def _texts(where: str, raw: Any) -> tuple[str, ...]:
    if isinstance(raw, str):
        return tuple(raw.replace(",", " ").split())
    if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
        return tuple(raw)
    raise ConfigError(f"{where} must be texts, in a list or separated by commas, got {raw!r}")


EXTRA_KEYS: Mapping[str, Callable[[str, Any], Any]] = {
    "auth_mode": _text,
    "ca_cert_file": _text,
    "config_file": _text,
    "console_endpoint": _text,
    "data_upload_location": _text,
    "domain": _text,
    "flyte_version": lambda where, raw: _text(where, str(raw)),
    "insecure": _switch,
    "insecure_skip_verify": _switch,
    "metadata": _metadata,
    "org": _text,
    "project": _text,
    "rpc_timeout": _number,
    "scopes": _texts,
    "token": _secret,
    "transport": _text,
}
"""What ``extra`` may hold, and how each is read."""

_SETTINGS = {"auth_mode": "auth.mode", "scopes": "auth.scopes", "token": "auth.token"}
"""Names of `Config` where they differ from ours."""
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
    try:
        return Config.auto(path, search_cwd=False, endpoint=_endpoint(conn_id, host, port), **settings)
    except ConfigError as error:
        if error.message.startswith("connection "):
            raise
        raise error.with_message(f"connection {conn_id!r}: {error.message}") from None


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
            near = get_close_matches(name, EXTRA_KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(EXTRA_KEYS)}"
            raise ConfigError(f"connection {conn_id!r}: unknown key {key!r} in extra; {hint}")
        if raw is None or raw == "":
            continue
        settings[_SETTINGS.get(name, name)] = EXTRA_KEYS[name](f"connection {conn_id!r}: {name} in extra", raw)
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
