"""From the text of a variable or the value of a YAML key to the value of a setting. One function per kind.

Each takes ``(where, raw)``, returns None for "not set" and raises ConfigError naming ``where``, never the raw value of
something that may be secret.
"""

from __future__ import annotations

import contextlib
import json
import math
import shlex
from typing import Any

from ..model.durations import NoDuration, parse_go_duration
from ..model.errors import ConfigError

__all__ = ["boolean", "command", "integer", "level", "seconds", "secret", "service_config", "text", "version", "words"]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_LEVELS = {"critical": 50, "fatal": 50, "error": 40, "warning": 30, "warn": 30, "info": 20, "debug": 10, "notset": 0}


def text(where: str, raw: Any) -> str | None:
    """A text; empty counts as not set."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise ConfigError(f"{where} must be a text, got {raw!r}")
    return raw.strip() or None


def prefix(where: str, raw: Any) -> str | None:
    """A text that may be empty."""
    return "" if isinstance(raw, str) and not raw.strip() else text(where, raw)


def secret(where: str, raw: Any) -> str | None:
    """A text that no message may hold."""
    if raw is not None and not isinstance(raw, str):
        raise ConfigError(f"{where} must be a text, got {type(raw).__name__}; write it in quotes")
    return (raw or "").strip() or None


def boolean(where: str, raw: Any) -> bool | None:
    """True or false in the spellings of YAML 1.1; anything else is refused."""
    if raw is None or isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    if not word:
        return None
    raise ConfigError(f"{where} must be true or false, got {raw!r}")


def version(where: str, raw: Any) -> int | str | None:
    """Which Flyte; a number of YAML or a text."""
    from .protocol import clean_version

    if raw is None or raw == "":
        return None
    try:
        return clean_version(raw)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}") from None


def integer(where: str, raw: Any) -> int | None:
    """A whole number."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    try:
        if not isinstance(raw, bool | float):
            return int(raw)
    except (TypeError, ValueError):
        pass
    raise ConfigError(f"{where} must be a whole number, got {raw!r}")


def seconds(where: str, raw: Any) -> float | None:
    """A duration: a number of seconds, or Go's spelling (``15s``, ``1m30s``), which flytectl writes."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
        return float(raw)
    if isinstance(raw, str):
        word = raw.strip()
        try:
            if math.isfinite(number := float(word)):
                return number
        except ValueError:
            if word[0] not in "+-":
                with contextlib.suppress(NoDuration):
                    return float(parse_go_duration(word))
    raise ConfigError(f"{where} must be a duration like '15s' or '1m30s', or a number of seconds, got {raw!r}")


def words(where: str, raw: Any) -> tuple[str, ...] | None:
    """A list of texts: a YAML list, or a text with commas."""
    if raw is None:
        return None
    items = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{where} must be a list of texts, got {raw!r}")
    return tuple(item.strip() for item in items if item.strip()) or None


def command(where: str, raw: Any) -> tuple[str, ...] | None:
    """A program with arguments: a YAML list, a JSON list, or a text with commas (flytekit) or blanks."""
    if raw is None or raw in ("", []):
        return None
    if isinstance(raw, str):
        try:
            raw = _split(raw)
        except ValueError:
            raise ConfigError(f"{where} must be a command; it cannot be split into words") from None
    if not isinstance(raw, list) or not all(isinstance(item, str | int | float) for item in raw):
        raise ConfigError(f"{where} must be a list with a program and its arguments, got {type(raw).__name__}")
    return tuple(str(item).strip() for item in raw)


def _split(raw: str) -> Any:
    if raw.lstrip().startswith("["):
        return json.loads(raw)

    return raw.split(",") if "," in raw else shlex.split(raw)


def level(where: str, raw: Any) -> int | None:
    """A level of Python's logging, by number or name."""
    if isinstance(raw, str) and raw.strip().lower() in _LEVELS:
        return _LEVELS[raw.strip().lower()]
    return integer(where, raw)


def service_config(where: str, raw: Any) -> str | None:
    """Service config of gRPC, as JSON text."""
    found = text(where, raw)
    if found is not None:
        try:
            json.loads(found)
        except ValueError as error:
            raise ConfigError(f"{where} must be gRPC's service config as JSON: {error}") from None
    return found
