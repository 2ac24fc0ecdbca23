"""`Config`: frozen, hashable, no I/O in the object itself; the constructors read sources, then forget them.

Precedence, per key: argument > environment > file > default (semantics.md, Configuration). The keys that sources may set
are one table in `keys.py`; how flat settings become parts is `settings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..model.errors import ConfigError
from ..model.masking import WithSecrets, hide_passwords
from ..model.poll_policy import PollPolicy
from ..model.public import public
from ..model.retry_policy import RetryPolicy
from .auth import AuthConfig
from .data import AzureConfig, GcsConfig, S3Config
from .endpoint import clean_endpoint
from .local_execution import LocalConfig
from .metadata import clean_metadata
from .numbers import check_count, check_seconds
from .protocol import clean_transport, clean_version
from .secret_places import SecretsConfig
from .settings import above_all, build, changed, export, flatten, layered, short_repr, with_forced_mode
from .sources import read_all
from .statsd import StatsConfig

if TYPE_CHECKING:
    from pathlib import Path

    from .sources import Found

__all__ = ["Config"]

_NOT_PLATFORM = (
    *("secrets.", "local.", "stats.", "s3.", "gcs.", "azure."),
    *("attach_execution_metadata", "data_upload_location"),
)
"""What `Config.for_endpoint` takes from the environment and the first file even without ``config_file``."""


@public
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Config(WithSecrets):
    """Everything needed to reach one Flyte.

    Build one with `auto`, `for_endpoint`, `for_sandbox` or `from_mapping`; nothing is opened until a client is used.
    """

    PARTS: ClassVar[dict[str, type]] = {
        "auth": AuthConfig,
        "s3": S3Config,
        "gcs": GcsConfig,
        "azure": AzureConfig,
        "secrets": SecretsConfig,
        "local": LocalConfig,
        "stats": StatsConfig,
        "retry": RetryPolicy,
        "poll": PollPolicy,
    }

    endpoint: str = "localhost:30080"
    """``host:port`` of the gRPC endpoint. ``dns:///`` and ``https://`` prefixes are dropped."""

    insecure: bool = False
    """True for a plaintext server. False means TLS."""

    insecure_skip_verify: bool = False
    """Trust whatever certificate the server shows (fetched before the first call; its host name must still match)."""

    ca_cert_file: str | None = None
    """PEM file that replaces the system's root certificates; for the identity provider's HTTP it is added to them."""

    client_cert_file: str | None = None
    """PEM file with this client's certificate chain, for servers that ask for one (mTLS)."""

    client_key_file: str | None = None
    """PEM file with the private key of `client_cert_file`. None: it is in that file too."""

    console_endpoint: str | None = None
    """Base URL of the web console. None: ``http(s)://<endpoint>``."""

    project: str | None = None
    """Default project of references that name none."""

    domain: str | None = None
    """Default domain of references that name none."""

    org: str | None = None
    """Organisation, on the few installations that have them. Flyte 1 has none: a client for it refuses one."""

    flyte_version: int | str = "auto"
    """1 or 2; ``auto``: the endpoint is asked once per process. Saying it saves that question."""

    transport: str = "auto"
    """``grpc``, or ``connect`` (Flyte 2 over HTTP/1.1, which its stock ingresses need); ``auto``: what the endpoint answers."""

    auth: AuthConfig = field(default_factory=AuthConfig)
    """How to authenticate, if the server asks for it."""

    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """gRPC metadata sent with every call, keys in lower case. May hold a token, therefore never shown and never exported."""

    grpc_options: tuple[tuple[str, str | int], ...] = ()
    """Channel options, after our own, so that they win."""

    service_config: str | None = None
    """gRPC's service config as JSON text, for load balancing. Its retry policies have no effect: `retry` decides."""

    max_message_bytes: int = 20 * 1024 * 1024
    """Largest answer that is accepted. FlyteAdmin inlines up to 2 MiB of inputs and of outputs; lists are larger."""

    data_upload_location: str = "flyte://my-s3-bucket/"
    """Where local files given as inputs go. Scheme ``flyte``: through Flyte's signed URLs, bucket part ignored."""

    attach_execution_metadata: bool = True
    """Whether uploaded objects carry the ids of run, DAG or asset, where the store can."""

    batch_size: int = 1000
    """Items in one page of a list; a larger limit is split."""

    rpc_timeout: float = 60.0
    """Seconds that one call may take, its retries included."""

    attempt_timeout: float | None = None
    """Seconds that one attempt of a call that may be sent again may take. None: an equal share of `rpc_timeout`."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """When a call is sent again."""

    poll: PollPolicy = field(default_factory=PollPolicy)
    """How often a waiting client asks."""

    s3: S3Config = field(default_factory=S3Config)
    """S3, reached directly."""

    gcs: GcsConfig = field(default_factory=GcsConfig)
    """Google Cloud Storage, reached directly."""

    azure: AzureConfig = field(default_factory=AzureConfig)
    """Azure Blob Storage, reached directly."""

    secrets: SecretsConfig = field(default_factory=SecretsConfig)
    """Where secrets of tasks are looked for."""

    local: LocalConfig = field(default_factory=LocalConfig)
    """What happens on this machine."""

    stats: StatsConfig = field(default_factory=StatsConfig)
    """StatsD of flytekit; without effect here."""

    origins: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)
    """Setting -> where it came from, of those that are not defaults. See `origin`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", clean_endpoint(self.endpoint))
        object.__setattr__(self, "metadata", clean_metadata(self.metadata))
        for name in ("insecure", "insecure_skip_verify", "attach_execution_metadata"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be true or false, got {getattr(self, name)!r}")
        object.__setattr__(self, "flyte_version", clean_version(self.flyte_version))
        object.__setattr__(self, "transport", clean_transport(self.transport, self.flyte_version))
        hide_passwords(self)
        for name in ("rpc_timeout", "attempt_timeout"):
            check_seconds(name, getattr(self, name))
        for name in ("batch_size", "max_message_bytes"):
            check_count(name, getattr(self, name))
        if self.insecure and (self.ca_cert_file or self.insecure_skip_verify or self.client_cert_file):
            raise ConfigError(
                "insecure=True means no TLS at all, so ca_cert_file, client_cert_file and insecure_skip_verify cannot apply; "
                "drop one or the other"
            )
        if self.client_key_file and not self.client_cert_file:
            raise ConfigError("client_key_file is set without client_cert_file; a key alone is of no use")

    def __repr__(self) -> str:
        return short_repr(self)

    @classmethod
    def auto(cls, path: str | Path | None = None, *, search_cwd: bool = True, **overrides: Any) -> Self:
        """What the environment and the first configuration file say.

        Args:
            path: A configuration file (YAML or INI). None: the first one found in the order of `discover.find_file`.
            search_cwd: Whether files of the working directory and its git root count. Airflow and Dagster pass False.
            **overrides: Fields of `Config`; they win over everything. None means "not given". A part is either an object,
                which replaces the whole part, or a mapping, which wins per key: ``auth={"mode": "ClientSecret"}``.

        Raises:
            ConfigError: The file is missing or malformed, or two settings contradict each other.
        """
        arguments = flatten(cls, overrides, "argument")
        return cls._from_settings(layered(*read_all(path, search_cwd=search_cwd), arguments))

    @classmethod
    def for_endpoint(
        cls,
        endpoint: str,
        *,
        insecure: bool = False,
        config_file: str | Path | None = None,
        project: str | None = None,
        domain: str | None = None,
        search_cwd: bool = True,
        **more: Any,
    ) -> Self:
        """The Flyte at this endpoint.

        Args:
            endpoint: ``host:port``.
            insecure: True for a plaintext server.
            config_file: The rest of the platform section (TLS, authentication, console, project, domain) comes from this
                file and the environment. None: from defaults. Settings of secrets, data and local execution always come
                as in `auto`.
            project: Default project.
            domain: Default domain.
            search_cwd: As in `auto`.
            **more: Further fields of `Config`.
        """
        given = {"insecure": insecure, "project": project, "domain": domain, **more}
        given["endpoint"] = clean_endpoint(endpoint)  # here, because None would count as "not given"
        layers = read_all(config_file, search_cwd=search_cwd)
        if config_file is None:
            layers = tuple(
                {name: found for name, found in layer.items() if name.startswith(_NOT_PLATFORM)} for layer in layers
            )
        return cls._from_settings(layered(*layers, flatten(cls, given, "argument")))

    @classmethod
    def for_sandbox(cls, **more: Any) -> Self:
        """The embedded Flyte of `python -m bridge_core.sandbox` on its default ports, or ``flytectl demo``.

        Asks neither environment nor files.
        """
        sandbox = {
            "endpoint": "localhost:30080",
            "insecure": True,
            "console_endpoint": "http://localhost:30002",
            "project": "flytesnacks",
            "domain": "development",
            "s3": {
                "endpoint": "http://localhost:30002",
                "access_key_id": "minio",
                "secret_access_key": "miniostorage",
            },
        }
        return cls._from_settings(layered(flatten(cls, sandbox, "for_sandbox"), flatten(cls, more, "argument")))

    @classmethod
    def from_api_key(cls, key: str | None = None, **more: Any) -> Self:
        """The Flyte 2 that an API key is for (``flyte create api-key``), logged in with the key.

        Args:
            key: base64 of ``endpoint:client_id:client_secret:org``. None: ``FLYTE_API_KEY``.
            **more: Further fields; they win over the key.

        Raises:
            ConfigError: There is no key, or it is none. It is never shown.
        """
        from .flyte2 import from_api_key

        origin = "API key" if key is not None else "environment FLYTE_API_KEY"
        told = flatten(cls, from_api_key(key), origin)
        return cls._from_settings(layered(told, flatten(cls, more, "argument")))

    @classmethod
    def in_cluster(
        cls,
        *,
        org: str | None = None,
        project: str | None = None,
        domain: str | None = None,
        api_key: str | None = None,
        endpoint: str | None = None,
        insecure: bool | None = None,
        **more: Any,
    ) -> Self:
        """The Flyte 2 that this task runs on, from what its pod was given (``_U_EP_OVERRIDE``, ``FLYTE_INTERNAL_EXECUTION_*`` …).

        Credentials: see `cluster_settings`.

        Args:
            org: Wins over what the pod was given, as the others do.
            project: Default project.
            domain: Default domain.
            api_key: See `from_api_key`.
            endpoint: ``host:port``.
            insecure: True for a plaintext server.
            **more: Further fields of `Config`.
        """
        from .flyte2 import cluster_settings

        given = {"org": org, "project": project, "domain": domain, "endpoint": endpoint, "insecure": insecure, **more}
        return cls._from_settings(cluster_settings(cls, api_key, flatten(cls, given, "argument")))

    @classmethod
    def passthrough(cls, endpoint: str | None = None, **more: Any) -> Self:
        """The Flyte that callers bring their own credentials for: `Client.auth_metadata` sends what they brought.

        Args:
            endpoint: ``host:port``. None: that of the task's pod (``_U_EP_OVERRIDE``), else as in `auto`.
            **more: Further fields: ``org``, ``project``, ``domain``, ``insecure``, ``metadata`` …
        """
        import os

        where = endpoint or os.environ.get("_U_EP_OVERRIDE") or None
        return cls.auto(search_cwd=False, **{"endpoint": where, **more, "auth.mode": "Passthrough"})

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """The reverse of `to_mapping`. Dotted names (``auth.mode``) are understood too.

        Raises:
            ConfigError: An unknown key; the message names the nearest known one.
        """
        if not isinstance(mapping, Mapping) or not all(isinstance(name, str) for name in mapping):
            raise ConfigError(f"settings: wanted a mapping of names to values, got a {type(mapping).__name__}")
        return cls._from_settings(flatten(cls, mapping, "mapping"))

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON of every setting that differs from its default; secrets by reference only.

        Raises:
            ConfigError: `metadata` is set, or a secret is given by value, so that the copy could not reach the same Flyte.
        """
        if self.metadata:
            raise ConfigError(
                "this Config carries gRPC metadata, which may hold secrets and is never exported; "
                "export one without metadata and add it where it is used"
            )
        return export(self)

    def replace(self, **changes: Any) -> Self:
        """A copy with these fields changed; a part may be a mapping of what changes in it (``auth={"mode": …}``)."""
        told = {name: where for name, where in self.origins if name.partition(".")[0] not in changes}
        told.update((name, found.origin) for name, found in flatten(type(self), changes, "argument").items())
        copy: Self = changed(self, {**changes, "origins": tuple(told.items())})
        return copy

    def origin(self, setting: str) -> str:
        """Where a setting came from: ``argument``, ``environment NAME``, ``KEY in FILE``, or ``default``.

        Args:
            setting: Its dotted name, ``auth.client_id``.
        """
        told = dict(self.origins)
        below = [where for name, where in self.origins if name.startswith(f"{setting}.")]
        above = [told[name] for name in (setting, *above_all(setting)) if name in told]
        return (above or below or ["default"])[0]

    @property
    def auth_mode(self) -> str | None:
        """The auth mode that a source asked for; `AuthConfig.effective_mode` is the one that counts."""
        return self.auth.mode

    @property
    def console_base(self) -> str:
        """Base URL of the console, without a trailing slash, and without a user: it is shown, logged and stored."""
        base = self.console_endpoint or f"{'http' if self.insecure else 'https'}://{self.endpoint}"
        scheme, mark, rest = str(base).partition("://")
        place, slash, path = rest.partition("/")
        return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}".rstrip("/")

    @classmethod
    def _from_settings(cls, settings: Mapping[str, Found]) -> Self:
        settings = with_forced_mode(settings)
        for name, reading in (("metadata", clean_metadata), ("grpc_options", _pairs)):
            if name in settings:
                settings = {
                    **settings,
                    name: type(settings[name])(reading(settings[name].value), settings[name].origin),
                }
        config: Self = build(cls, settings)
        object.__setattr__(config, "origins", tuple((name, found.origin) for name, found in settings.items()))
        return config


def _pairs(value: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((key, item) for key, item in value)
