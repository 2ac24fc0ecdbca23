"""What the ``extra`` of a connection may hold: how each key is read, and which setting of `Config` it is.

Keys of the connection of airflow-provider-flyte are among them: those that mean something here keep their names; the others are
refused by name, with what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from bridge_core import ConfigError

__all__ = ["EXTRA_KEYS", "LIMITS", "SETTINGS", "unknown_key"]


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


def _words(where: str, raw: Any) -> tuple[str, ...]:
    """A program and its arguments, which may be secrets: no message shows them."""
    if isinstance(raw, str):
        import shlex

        return tuple(shlex.split(raw))
    if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
        return tuple(raw)
    raise ConfigError(f"{where} must be a command line, or a list of its words")


def _count(where: str, raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().isdecimal():
        return int(raw)
    raise ConfigError(f"{where} must be a whole number, got {raw!r}")


LIMITS = ("allowed_domains", "allowed_projects", "allowed_service_accounts")
"""Read by `_connection.limits`: what tasks may do with the connection."""

EXTRA_KEYS: Mapping[str, Callable[[str, Any], Any]] = {
    "allowed_domains": _texts,
    "allowed_projects": _texts,
    "allowed_service_accounts": _texts,
    "audience": _text,
    "auth_mode": _text,
    "authorization_header": _text,
    "ca_cert_file": _text,
    "client_assertion_location": _text,
    "client_cert_file": _text,
    "client_key_file": _text,
    "client_secret_env_var": _text,
    "client_secret_location": _text,
    "command": _words,
    "command_ttl": _number,
    "config_file": _text,
    "console_endpoint": _text,
    "data_upload_location": _text,
    "default_dir": _text,
    "domain": _text,
    "env_prefix": _text,
    "file_prefix": _text,
    "flyte_version": lambda where, raw: _text(where, str(raw)),
    "gsutil_parallelism": _switch,
    "insecure": _switch,
    "insecure_skip_verify": _switch,
    "metadata": _metadata,
    "org": _text,
    "project": _text,
    "proxy_command": _words,
    "rpc_timeout": _number,
    "s3_access_key_id": _text,
    "s3_backoff": _number,
    "s3_enable_debug": _switch,
    "s3_endpoint": _text,
    "s3_retries": _count,
    "s3_secret_access_key": _secret,
    "scopes": _texts,
    "token": _secret,
    "token_env_var": _text,
    "token_location": _text,
    "transport": _text,
}
"""What ``extra`` may hold, and how each is read."""

SETTINGS: Mapping[str, str] = {
    "audience": "auth.audience",
    "auth_mode": "auth.mode",
    "authorization_header": "auth.authorization_header",
    "client_assertion_location": "auth.client_assertion.location",
    "client_secret_env_var": "auth.client_secret.env_var",
    "client_secret_location": "auth.client_secret.location",
    "command": "auth.command",
    "command_ttl": "auth.command_ttl",
    "default_dir": "secrets.default_dir",
    "env_prefix": "secrets.env_prefix",
    "file_prefix": "secrets.file_prefix",
    "gsutil_parallelism": "gcs.gsutil_parallelism",
    "proxy_command": "auth.proxy_command",
    "s3_access_key_id": "s3.access_key_id",
    "s3_backoff": "s3.backoff",
    "s3_enable_debug": "s3.enable_debug",
    "s3_endpoint": "s3.endpoint",
    "s3_retries": "s3.retries",
    "s3_secret_access_key": "s3.secret_access_key",
    "scopes": "auth.scopes",
    "token": "auth.token",
    "token_env_var": "auth.token.env_var",
    "token_location": "auth.token.location",
}
"""Names of `Config` where they differ from ours."""

_STATSD = "this provider counts through Airflow's own metrics ([metrics] statsd_on); remove it"
_REFUSED = {
    "local_sandbox_path": "nothing runs locally here; remove it",
    "statsd_disabled": _STATSD,
    "statsd_disabled_tags": _STATSD,
    "statsd_host": _STATSD,
    "statsd_port": _STATSD,
}
"""Of airflow-provider-flyte, without a meaning here."""


def unknown_key(conn_id: str, key: str, name: str) -> ConfigError:
    """The error for a key that nobody would read."""
    if name in _REFUSED:
        return ConfigError(f"connection {conn_id!r}: {key!r} in extra is of airflow-provider-flyte: {_REFUSED[name]}")
    near = get_close_matches(name, EXTRA_KEYS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(EXTRA_KEYS)}"
    return ConfigError(f"connection {conn_id!r}: unknown key {key!r} in extra; {hint}")
