"""Reads settings from the environment, from YAML and from INI: raw text in, `Found` values by setting out."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError
from ..model.masking import MASK
from .keys import FOREIGN, FOREIGN_YAML, KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .keys import Key

__all__ = ["Found", "read_all", "read_environment", "read_file"]

log = logging.getLogger("bridge_core.config")


@dataclass(frozen=True, slots=True)
class Found:
    """One value, and where it was."""

    value: Any
    origin: str

    def __repr__(self) -> str:
        return f"Found({self.origin})"


def read_all(path: str | Path | None, *, search_cwd: bool) -> tuple[dict[str, Found], ...]:
    """What the first file says, and what the environment says, from the weaker to the stronger."""
    from .discover import find_file

    found = find_file(path, search_cwd=search_cwd)
    return (read_file(found) if found else {}), read_environment()


def read_environment() -> dict[str, Found]:
    """Settings made through ``FLYTE_*`` variables.

    Raises:
        ConfigError: Two spellings of one setting are set and differ.
    """
    out: dict[str, Found] = {}
    for key in KEYS:
        set_by = {name: os.environ[name] for name in key.environment if os.environ.get(name, "").strip()}
        values = {name: key.parse(name, raw) for name, raw in set_by.items()}
        if len(set(values.values())) > 1:
            both = " but ".join(f"{name}={MASK if key.hidden else repr(value)}" for name, value in values.items())
            raise ConfigError(f"the environment contradicts itself about {key.field}: {both}. Unset one of them.")
        for name, value in values.items():
            if value is not None:
                out.setdefault(key.field, Found(value, f"environment {name}"))
    return out


def read_file(path: Path) -> dict[str, Found]:
    """Settings made in one configuration file; its name decides the format (``.yaml`` and ``.yml``, else INI).

    Raises:
        ConfigError: The file cannot be read or parsed; the message names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from None
    return _from_yaml(path, text) if path.suffix.lower() in {".yaml", ".yml"} else _from_ini(path, text)


def _from_yaml(path: Path, text: str) -> dict[str, Found]:
    document = _load_yaml(path, text)
    known = {key.path: key for key in KEYS if key.path}
    out: dict[str, Found] = {}
    for where, raw in _leaves(path, document, tuple(known)):
        key = known.get(where)
        if key is None:
            _warn(path, where, tuple(known))
            continue
        _take(out, key, f"{where} in {path}", raw)
    return out


def _load_yaml(path: Path, text: str) -> Mapping[Any, Any]:
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
    return document


def _leaves(
    path: Path, document: Mapping[Any, Any], known: tuple[str, ...], above: str = ""
) -> Iterator[tuple[str, Any]]:
    """Dotted path and value of every key; lists and whatever is not a section of ours are values."""
    for name, value in document.items():
        where = f"{above}{name}"
        if where in FOREIGN or where in FOREIGN_YAML:
            continue
        if any(item.startswith(f"{where}.") for item in known):  # a section
            if isinstance(value, dict):
                yield from _leaves(path, value, known, f"{where}.")
            elif value is not None:
                raise ConfigError(f"{path}: section {where!r} must be a mapping, found {type(value).__name__}")
            continue
        yield where, value


def _from_ini(path: Path, text: str) -> dict[str, Found]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        raise ConfigError(f"malformed INI in {path}: {type(error).__name__}{_line(error)}") from None
    known = {".".join(key.ini): key for key in KEYS}
    out: dict[str, Found] = {}
    for section in parser.sections():
        if section in FOREIGN:
            continue
        for option in parser.options(section):
            where = f"{section}.{option}"
            key = known.get(where)
            if key is not None:
                _take(out, key, f"[{section}] {option} in {path}", parser.get(section, option))
            elif where not in FOREIGN:
                _warn(path, where, tuple(known))
    return out


def _line(error: Exception) -> str:
    """The place of an INI error; configparser's own text may quote the line, which may hold a secret."""
    lines = [getattr(error, "lineno", None), *(number for number, _ in getattr(error, "errors", ()))]
    told = ", ".join(str(line) for line in lines if isinstance(line, int))
    return f", line {told}" if told else ""


def _take(out: dict[str, Found], key: Key, where: str, raw: Any) -> None:
    value = key.parse(where, raw)
    if value is not None:
        out[key.field] = Found(value, where)


def _warn(path: Path, where: str, known: tuple[str, ...]) -> None:
    from difflib import get_close_matches

    folded = {item.lower(): item for item in known}
    near = get_close_matches(where.lower(), folded, n=1)
    log.warning("%s: unknown key %s is ignored%s", path, where, f"; did you mean {folded[near[0]]}?" if near else "")
