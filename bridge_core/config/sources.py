"""Reads settings from the environment, from YAML and from INI: raw text in, fields of `Config` out."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .keys import KEYS

__all__ = ["read_environment", "read_file"]


def read_environment() -> dict[str, Any]:
    """Fields set through ``FLYTE_*`` variables.

    Raises:
        ConfigError: Two spellings of one setting are set and differ.
    """
    out: dict[str, Any] = {}
    for key in KEYS:
        set_by = {name: os.environ[name] for name in key.environment if os.environ.get(name, "").strip()}
        values = {name: key.parse(name, raw) for name, raw in set_by.items()}
        if len(set(values.values())) > 1:
            both = " but ".join(f"{name}={value!r}" for name, value in values.items())
            raise ConfigError(f"the environment contradicts itself about {key.field}: {both}. Unset one of them.")
        for value in values.values():
            out[key.field] = value
    return out


def read_file(path: Path) -> dict[str, Any]:
    """Fields set in one configuration file; its name decides the format (``.yaml`` and ``.yml``, else INI).

    Raises:
        ConfigError: The file cannot be read or parsed; the message names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from None
    return _from_yaml(path, text) if path.suffix.lower() in {".yaml", ".yml"} else _from_ini(path, text)


def _from_yaml(path: Path, text: str) -> dict[str, Any]:
    import yaml

    first = next((line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("#", ";"))), "")
    if re.fullmatch(r"\[\w+\]", first):
        raise ConfigError(f"{path} is named like YAML but holds INI text ({first!r}); rename or convert it")
    try:
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        raise ConfigError(f"malformed YAML in {where}: {error.problem or error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"malformed YAML in {path}: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold a mapping with sections like 'admin:', found {type(document).__name__}")
    out: dict[str, Any] = {}
    for key in KEYS:
        section = document.get(key.yaml[0])
        if section is not None and not isinstance(section, dict):
            raise ConfigError(f"{path}: section {key.yaml[0]!r} must be a mapping, found {section!r}")
        raw = (section or {}).get(key.yaml[1])
        value = key.parse(f"{'.'.join(key.yaml)} in {path}", raw)
        if value is not None:
            out[key.field] = value
    return out


def _from_ini(path: Path, text: str) -> dict[str, Any]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        raise ConfigError(f"malformed INI in {path}: {error.message}") from None
    out: dict[str, Any] = {}
    for key in KEYS:
        section, option = key.ini
        value = key.parse(f"[{section}] {option} in {path}", parser.get(section, option, fallback=None))
        if value is not None:
            out[key.field] = value
    return out
