"""One row per setting that a file or the environment may set: the table that every source reads.

Spellings are those of flytekit (``FLYTE_<SECTION>_<OPTION>``, INI ``[section] option``) and flytectl (``FLYTE_ADMIN_…``,
YAML ``admin.endpoint``); source: flytekit configuration/internal.py and file.py, flytectl's config flags.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KEYS", "Key"]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


@dataclass(frozen=True, slots=True)
class Key:
    """Where one field of `Config` may come from."""

    field: str
    environment: tuple[str, ...]
    """Variables, any of which may be set; two that are set must agree."""
    yaml: tuple[str, ...]
    """Dotted path of the YAML file."""
    parse: Callable[[str, Any], Any]
    """``(where, raw) -> value``; raises ConfigError naming ``where``."""

    @property
    def ini(self) -> tuple[str, str]:
        """Section and option of an INI file: the flytekit variable without its prefix."""
        section, _, option = self.environment[0].removeprefix("FLYTE_").lower().partition("_")
        return section, option


def _text(where: str, raw: Any) -> str | None:
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise ConfigError(f"{where} must be a text, got {raw!r}")
    return raw.strip() or None


def _boolean(where: str, raw: Any) -> bool | None:
    if raw is None or isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ConfigError(f"{where} must be true or false, got {raw!r}")


KEYS: tuple[Key, ...] = (
    Key("endpoint", ("FLYTE_PLATFORM_URL", "FLYTE_ADMIN_ENDPOINT"), ("admin", "endpoint"), _text),
    Key("insecure", ("FLYTE_PLATFORM_INSECURE", "FLYTE_ADMIN_INSECURE"), ("admin", "insecure"), _boolean),
    Key(
        "insecure_skip_verify",
        ("FLYTE_PLATFORM_INSECURE_SKIP_VERIFY", "FLYTE_ADMIN_INSECURESKIPVERIFY"),
        ("admin", "insecureSkipVerify"),
        _boolean,
    ),
    Key(
        "ca_cert_file",
        ("FLYTE_PLATFORM_CA_CERT_FILE_PATH", "FLYTE_ADMIN_CACERTFILEPATH"),
        ("admin", "caCertFilePath"),
        _text,
    ),
    Key("auth_mode", ("FLYTE_CREDENTIALS_AUTH_MODE", "FLYTE_ADMIN_AUTHTYPE"), ("admin", "authType"), _text),
    Key(
        "console_endpoint",
        ("FLYTE_PLATFORM_CONSOLE_ENDPOINT", "FLYTE_CONSOLE_ENDPOINT"),
        ("console", "endpoint"),
        _text,
    ),
    Key("project", ("FLYTE_LOCAL_PROJECT",), ("task", "project"), _text),
    Key("domain", ("FLYTE_LOCAL_DOMAIN",), ("task", "domain"), _text),
)
"""Every setting a source may set, in no particular order."""
