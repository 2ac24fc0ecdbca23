"""`Config`: frozen, hashable, no I/O in the object itself; the constructors read sources, then forget them.

Precedence, per key: argument > environment > file > default. The keys that sources may set are one table in `keys.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from ..errors import ConfigError
from ..policies import PollPolicy, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything needed to reach one Flyte.

    Build one with `auto`, `for_endpoint`, `for_sandbox` or `from_mapping`; nothing is opened until a client is used.
    """

    endpoint: str = "localhost:30080"
    """``host:port`` of the gRPC endpoint. ``dns:///`` and ``https://`` prefixes are dropped."""

    insecure: bool = False
    """True for a plaintext server. False means TLS."""

    insecure_skip_verify: bool = False
    """Trust whatever certificate the server shows (fetched before the first call; its host name must still match)."""

    ca_cert_file: str | None = None
    """PEM file that replaces the system's root certificates."""

    console_endpoint: str | None = None
    """Base URL of the web console. None: ``http(s)://<endpoint>``."""

    project: str | None = None
    """Default project of references that name none."""

    domain: str | None = None
    """Default domain of references that name none."""

    auth_mode: str | None = None
    """The auth mode a source asked for. This release sends no credentials of its own; see `metadata`."""

    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """gRPC metadata sent with every call. May hold a token, therefore never shown and never exported."""

    grpc_options: tuple[tuple[str, str | int], ...] = ()
    """Channel options, after our own, so that they win."""

    data_upload_location: str = "flyte://my-s3-bucket/"
    """Where local files given as inputs go. Scheme ``flyte``: through Flyte's signed URLs, bucket part ignored."""

    rpc_timeout: float = 60.0
    """Seconds that one call may take, its retries included."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """When a call is sent again."""

    poll: PollPolicy = field(default_factory=PollPolicy)
    """How often a waiting client asks."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", _clean_endpoint(self.endpoint))
        for name in ("insecure", "insecure_skip_verify"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be true or false, got {getattr(self, name)!r}")
        if self.rpc_timeout <= 0:
            raise ConfigError(f"rpc_timeout must be a positive number of seconds, got {self.rpc_timeout!r}")
        if self.insecure and (self.ca_cert_file or self.insecure_skip_verify):
            raise ConfigError(
                "insecure=True means no TLS at all, so ca_cert_file and insecure_skip_verify cannot apply; drop one or the other"
            )

    @classmethod
    def auto(cls, path: str | Path | None = None, *, search_cwd: bool = True, **overrides: Any) -> Self:
        """What the environment and the first configuration file say.

        Args:
            path: A configuration file (YAML or INI). None: the first one found in the order of `discover.find_file`.
            search_cwd: Whether files of the working directory and its git root count. Airflow and Dagster pass False.
            **overrides: Fields of `Config`; they win over everything. None means "not given".

        Raises:
            ConfigError: The file is missing or malformed, or two settings contradict each other.
        """
        from .discover import find_file
        from .sources import read_environment, read_file

        found = find_file(path, search_cwd=search_cwd)
        settings = {**(read_file(found) if found else {}), **read_environment(), **_given(overrides)}
        return cls._from_settings(settings)

    @classmethod
    def for_endpoint(
        cls,
        endpoint: str,
        *,
        insecure: bool = False,
        config_file: str | Path | None = None,
        project: str | None = None,
        domain: str | None = None,
        **more: Any,
    ) -> Self:
        """The Flyte at this endpoint.

        Args:
            endpoint: ``host:port``.
            insecure: True for a plaintext server.
            config_file: The rest of the platform section comes from this file and the environment. None: from defaults.
            project: Default project.
            domain: Default domain.
            **more: Further fields of `Config`.
        """
        arguments = {
            "endpoint": endpoint,
            "insecure": insecure,
            **_given({"project": project, "domain": domain, **more}),
        }
        if config_file is None:
            return cls._from_settings(arguments)
        return cls.auto(config_file, **arguments)

    @classmethod
    def for_sandbox(cls, **more: Any) -> Self:
        """The embedded Flyte of `python -m bridge_core.sandbox` on its default ports, or ``flytectl demo``."""
        return cls._from_settings(
            {
                "endpoint": "localhost:30080",
                "insecure": True,
                "console_endpoint": "http://localhost:30002",
                "project": "flytesnacks",
                "domain": "development",
                **_given(more),
            }
        )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """The reverse of `to_mapping`.

        Raises:
            ConfigError: An unknown key; the message names the nearest known one.
        """
        return cls._from_settings(dict(mapping))

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON of every field that differs from its default. `metadata` is left out: it may hold a token.

        Raises:
            ConfigError: `metadata` is set, so that the copy could not reach the same Flyte.
        """
        if self.metadata:
            raise ConfigError(
                "this Config carries gRPC metadata, which may hold secrets and is never exported; "
                "export one without metadata and add it where it is used"
            )
        default = type(self)()
        out: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value == getattr(default, item.name):
                continue
            if isinstance(value, RetryPolicy | PollPolicy):
                value = value.to_mapping()
            elif isinstance(value, tuple):
                value = [list(pair) for pair in value]
            out[item.name] = value
        return out

    def replace(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        return replace(self, **changes)

    @property
    def console_base(self) -> str:
        """Base URL of the console, without a trailing slash."""
        return (self.console_endpoint or f"{'http' if self.insecure else 'https'}://{self.endpoint}").rstrip("/")

    @classmethod
    def _from_settings(cls, settings: Mapping[str, Any]) -> Self:
        known = {item.name for item in fields(cls)}
        for name in settings:
            if name not in known:
                raise ConfigError(f"unknown setting {name!r}{_did_you_mean(name, known)}")
        values = dict(settings)
        if isinstance(values.get("retry"), dict):
            values["retry"] = RetryPolicy(**values["retry"])
        if isinstance(values.get("poll"), dict):
            values["poll"] = PollPolicy(**values["poll"])
        for name in ("metadata", "grpc_options"):
            if name in values:
                values[name] = tuple((key, value) for key, value in values[name])
        return cls(**values)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _did_you_mean(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"


def _clean_endpoint(endpoint: object) -> str:
    if not isinstance(endpoint, str):
        raise ConfigError(f"endpoint must be a text like 'flyte.example.com:443', got {endpoint!r}")
    text = endpoint.strip()
    if text.startswith("http://"):
        raise ConfigError(
            f"endpoint {endpoint!r}: Flyte speaks gRPC; write 'host:port' and insecure=True for a plaintext server"
        )
    text = text.removeprefix("dns:///").removeprefix("https://").rstrip("/")
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    if not text or not (host or port) or any(c.isspace() or c in "/?#@" for c in text):
        raise ConfigError(
            f"endpoint {endpoint!r} cannot be read; wanted 'host:port', for instance 'flyte.example.com:443'"
        )
    if port and not text.startswith("[") and not (port.isdigit() and 0 < int(port) <= 65535):  # noqa: PLR2004
        raise ConfigError(f"endpoint {endpoint!r}: port {port!r} is not a number from 1 to 65535")
    return text
