"""Which Flyte, and in what it is spoken to: the spellings of ``flyte_version`` and ``transport``."""

from __future__ import annotations

from ..model.errors import ConfigError

__all__ = ["TRANSPORTS", "clean_transport", "clean_version"]

TRANSPORTS = ("auto", "grpc", "connect")


def clean_version(value: object) -> int | str:
    """1, 2 or ``auto``.

    Raises:
        ConfigError: Anything else.
    """
    word = value.strip().lower() if isinstance(value, str) else value
    if word == "auto":
        return "auto"
    if not isinstance(word, bool) and str(word) in {"1", "2"}:
        return int(str(word))
    raise ConfigError(f"flyte_version must be 1, 2 or 'auto', got {value!r}")


def clean_transport(value: object, flyte_version: int | str) -> str:
    """One of `TRANSPORTS`.

    Raises:
        ConfigError: Anything else, or Connect for Flyte 1.
    """
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in TRANSPORTS:
        raise ConfigError(f"transport must be one of {', '.join(TRANSPORTS)}, got {value!r}")
    if word == "connect" and flyte_version == 1:
        raise ConfigError(
            "transport='connect' with flyte_version=1: FlyteAdmin speaks gRPC only; drop one or the other"
        )
    return word
