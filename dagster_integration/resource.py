"""`FlyteResource`: which Flyte, as Dagster configuration.

No ``from __future__ import annotations`` here: Dagster and pydantic read the annotations of the fields at run time.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

if TYPE_CHECKING:
    from bridge_core import (
        Checkpoint,
        Client,
        Config,
        EntityKind,
        EntityRef,
        RegisterRequest,
        RegistrationReport,
        RunOptions,
    )

    from ._catalog import Selector
    from ._compat import StepContext
    from ._limits import Limits
    from .translator import FlyteEntityProps

__all__ = ["FlyteResource"]


class FlyteResource(dg.ConfigurableResource["FlyteResource"]):
    """A connection to one Flyte, for assets built by `build_flyte_assets` and for code of your own.

    A field that is left out comes from the environment (``FLYTE_*``), then from the configuration file, then from the
    defaults of `bridge_core.Config` (``docs/configuration.md``). Files of the working directory are never read: a run worker's
    directory is an accident. A wrong setting is a `ConfigError` when the client is first needed, not when definitions load.

    Example:
        >>> from dagster_integration import FlyteResource
        >>> flyte = FlyteResource(endpoint="localhost:30080", insecure=True, project="ml", domain="development")
        >>> flyte.get_config().endpoint
        'localhost:30080'
    """

    endpoint: str | None = Field(default=None, description="host:port of Flyte's gRPC endpoint.")
    insecure: bool | None = Field(default=None, description="True for a plaintext server; otherwise TLS is used.")
    insecure_skip_verify: bool | None = Field(default=None, description="Trust whatever certificate the server shows.")
    ca_cert_file: str | None = Field(default=None, description="PEM file that replaces the system's root certificates.")
    project: str | None = Field(default=None, description="Project of entities that name none.")
    domain: str | None = Field(default=None, description="Domain of entities that name none.")
    org: str | None = Field(default=None, description="Organisation, on installations of Flyte 2 that have them.")
    flyte_version: str | None = Field(
        default=None, description="1, 2 or auto. Left out: the endpoint is asked once per process."
    )
    transport: str | None = Field(
        default=None, description="grpc, or connect (Flyte 2 over HTTP/1.1). Left out: what the endpoint answers."
    )
    console_endpoint: str | None = Field(
        default=None, description="Base URL of Flyte's web console, for links. Left out: derived from the endpoint."
    )
    config_file: str | None = Field(
        default=None, description="A Flyte configuration file (YAML or INI). Left out: FLYTECTL_CONFIG, then ~/.flyte."
    )
    data_upload_location: str | None = Field(
        default=None, description="Where local files given as inputs go. Left out: Flyte's signed URLs."
    )
    rpc_timeout: float | None = Field(default=None, description="Seconds that one call may take, retries included.")
    auth_mode: str | None = Field(
        default=None,
        description="How to log in: Pkce, DeviceFlow, ClientSecret, ExternalCommand, Passthrough. Left out: ClientSecret with a "
        "client_secret, ExternalCommand with a command.",
    )
    client_id: str | None = Field(default=None, description="OAuth client.")
    client_secret: str | None = Field(
        default=None,
        repr=False,
        description="Secret of the OAuth client, as EnvVar('NAME') only: Dagster shows the name then, and never the value.",
    )
    client_secret_location: str | None = Field(default=None, description="File that holds the client's secret.")
    scopes: list[str] | None = Field(default=None, description="Scopes to ask for. Left out: those the server names.")
    command: list[str] | None = Field(
        default=None, repr=False, description="Program and arguments whose output is the token."
    )
    token: str | None = Field(
        default=None, repr=False, description="A ready-made access token, as EnvVar('NAME') only."
    )
    token_location: str | None = Field(default=None, description="File that holds the token, read again when refused.")
    client_assertion_location: str | None = Field(
        default=None,
        description="File with a signed JWT instead of a client secret, a projected service-account token.",
    )
    audience: str | None = Field(default=None, description="Audience to ask a token for.")
    authorization_header: str | None = Field(
        default=None, description="Metadata key of the token. Left out: what the server names, else authorization."
    )
    token_url: str | None = Field(default=None, description="Token endpoint. Left out: the one the server names.")
    device_authorization_url: str | None = Field(default=None, description="Device endpoint; left out: the server's.")
    proxy_command: list[str] | None = Field(
        default=None, repr=False, description="Program whose output a proxy before Flyte wants as its token."
    )
    http_proxy_url: str | None = Field(default=None, description="HTTP proxy on the way to Flyte.")
    client_cert_file: str | None = Field(default=None, description="PEM file of a client certificate.")
    client_key_file: str | None = Field(default=None, description="PEM file of its key.")
    allowed_projects: list[str] | None = Field(
        default=None,
        description="Where assets and ops may launch: 'project' or 'project/domain'. Left out: wherever Flyte lets them.",
    )
    allowed_service_accounts: list[str] | None = Field(
        default=None, description="Service accounts that options may name. Left out: all."
    )
    metadata: dict[str, str] | None = Field(
        default=None,
        repr=False,
        description="gRPC metadata sent with every call, an authorization token for instance. Give secrets as "
        "EnvVar('NAME'): Dagster shows the name then, and never the value.",
    )
    metrics_in_event_log: bool | None = Field(
        default=None,
        description="Whether each try of a step writes its counters (runs launched, attached to, aborted) into the event log.",
    )
    dagster_url: str | None = Field(
        default=None, description="Base URL of Dagster's webserver: Flyte runs link back to it."
    )

    _client: "Client | None" = PrivateAttr(default=None)
    _shared: bool = PrivateAttr(default=False)
    _given_by_dagster: bool = PrivateAttr(default=False)

    def get_config(self) -> "Config":
        """The configuration that the fields, the environment and the configuration file give together.

        Raises:
            ConfigError: A setting is malformed, two contradict each other, or a secret is written out.
        """
        from bridge_core import Config

        if not self._given_by_dagster:
            self._refuse_literal_secrets()
        given: dict[str, Any] = {name: _value(name, getattr(self, name)) for name in _PASSED_ON}
        if self.metadata is not None:
            given["metadata"] = tuple((key, _value(f"metadata[{key!r}]", text)) for key, text in self.metadata.items())
        if auth := self._auth():
            given["auth"] = auth
        return Config.auto(_value("config_file", self.config_file), search_cwd=False, **given)

    def get_client(self) -> "Client":
        """The client of this process: made on first use, connected when it first calls, closed when the run's process ends.

        Raises:
            ConfigError: See `get_config`.
        """
        from bridge_core import Client

        from ._turns import current_turn

        if self._client is None:
            config, turn = self.get_config(), current_turn()
            self._client = Client(config) if turn is None else turn.turns.client(config)
            self._shared = turn is not None
        return self._client

    def fetch_launch_plans(
        self, selector: "Selector | None" = None, *, project: str | None = None, domain: str | None = None
    ) -> "list[FlyteEntityProps]":
        """Launch plans by name, the active version of each where there is one: what they take and give, and their graph.

        Args:
            selector: Patterns of names (``"pkg.*"``, ``"!pkg.old*"``), or a function of the `EntityRef`. None: all.
            project: None: the resource's.
            domain: None: the resource's.

        Raises:
            BridgeError: Flyte could not be asked.
        """
        return self.fetch_entities("launch_plan", selector, project=project, domain=domain)

    def fetch_workflows(
        self, selector: "Selector | None" = None, *, project: str | None = None, domain: str | None = None
    ) -> "list[FlyteEntityProps]":
        """Workflows, as `fetch_launch_plans` does."""
        return self.fetch_entities("workflow", selector, project=project, domain=domain)

    def fetch_tasks(
        self, selector: "Selector | None" = None, *, project: str | None = None, domain: str | None = None
    ) -> "list[FlyteEntityProps]":
        """Tasks, as `fetch_launch_plans` does."""
        return self.fetch_entities("task", selector, project=project, domain=domain)

    def fetch_interface(self, entity: "str | EntityRef") -> "FlyteEntityProps":
        """What one entity takes and gives. Raises `EntityNotFound`."""
        from .translator import FlyteEntityProps

        return FlyteEntityProps.of(self.get_client().get_entity(entity))

    def fetch_entities(
        self,
        kind: "EntityKind | str",
        selector: "Selector | None" = None,
        *,
        project: str | None = None,
        domain: str | None = None,
    ) -> "list[FlyteEntityProps]":
        """Entities of any kind, as `fetch_launch_plans` does."""
        from ._catalog import fetch

        return fetch(self.get_client(), kind, selector, project, domain)

    def check_allowed(self, entity: "EntityRef", options: "RunOptions") -> None:
        """Holds what an asset or op is to launch against `allowed_projects` and `allowed_service_accounts`.

        Args:
            entity: What, with project and domain.
            options: Of the run. Without a service account, Flyte or the launch plan decides.

        Raises:
            InvalidRequest: It is not allowed here.
        """
        context = options.security_context
        account = options.service_account or (context.service_account if context is not None else None)
        self._limits().check(entity, account or "", "launches in", "lets runs use")

    def check_registration(self, request: "RegisterRequest") -> None:
        """The same of what is to be registered: a dry run tells where it would be, and as whom it would run.

        Raises:
            InvalidRequest: It is not allowed here; nothing was written.
            BridgeError: See ``Client.register``.
        """
        limits = self._limits()
        if not limits:
            return
        for item in self.get_client().register(replace(request, dry_run=True, progress=None)).entities:
            limits.check(item.ref, item.service_account, "registers in", "registers what uses")

    def _limits(self) -> "Limits":
        from ._limits import Limits

        return Limits(self.allowed_projects, self.allowed_service_accounts)

    def register(self, source: Any, **arguments: Any) -> "RegistrationReport":
        """Registers tasks, workflows and launch plans; see ``Client.register``.

        Args:
            source: A package, code or values; or a `RegisterRequest`.
            **arguments: Those of ``Client.register``: ``version``, ``python``, ``activate``, ….

        Raises:
            BridgeError: See there.
        """
        from bridge_core import RegisterRequest

        asked = RegisterRequest.given(source, **arguments)
        self.check_registration(asked)
        return self.get_client().register(asked)

    def checkpoint(self, context: "StepContext", folder: str | None = None) -> "Checkpoint":
        """Where a step of yours saves its progress: its next try, and a re-execution after a failure, find it again.

        It is that of this step and this partition; what is materialized again after a success begins without one.

        Args:
            context: Of the asset or op.
            folder: Of a store that can be read. None: below `data_upload_location`.

        Raises:
            InvalidRequest: There is no such folder.
        """
        from ._checkpoints import checkpoint_of

        return checkpoint_of(context, self.get_client(), folder)

    def get_resource_definition(self) -> Any:
        """What Dagster calls while definitions load.

        Raises:
            ConfigError: A secret is written out.
        """
        self._refuse_literal_secrets()
        return super().get_resource_definition()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Dagster has put the values of environment variables in: texts are no names any more."""
        self._given_by_dagster = True

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Closes the connection; Dagster calls this after interrupts too."""
        client, self._client = self._client, None
        if client is not None and not self._shared:
            client.close()

    def _auth(self) -> dict[str, Any]:
        auth: dict[str, Any] = {
            "mode": _value("auth_mode", self.auth_mode),
            "client_id": _value("client_id", self.client_id),
            "scopes": None if self.scopes is None else tuple(self.scopes),
            "command": None if self.command is None else tuple(_value("command", each) for each in self.command),
            "proxy_command": None
            if self.proxy_command is None
            else tuple(_value("proxy_command", each) for each in self.proxy_command),
            **{name: _value(name, getattr(self, name)) for name in _OF_AUTH},
        }
        if self.token_location is not None or self.token is not None:
            place, text = _value("token_location", self.token_location), _value("token", self.token)
            auth["token"] = {"location": place or "", "env_var": "", "value": "" if place else text}
        if self.client_assertion_location is not None:
            place = _value("client_assertion_location", self.client_assertion_location)
            auth["client_assertion"] = {"location": place, "env_var": "", "value": ""}
        # All three ways at once: what FLYTE_CREDENTIALS_* or a file say about another Flyte's secret must not be mixed in.
        if self.client_secret_location is not None:
            place = _value("client_secret_location", self.client_secret_location)
            auth["client_secret"] = {"location": place, "env_var": "", "value": ""}
        elif self.client_secret is not None:
            text = _value("client_secret", self.client_secret)
            auth["client_secret"] = {"location": "", "env_var": "", "value": text}
        if auth["mode"] is None and "token" not in auth:
            by_client = "client_secret" in auth or "client_assertion" in auth
            auth["mode"] = "ClientSecret" if by_client else "ExternalCommand" if self.command else None
        return {name: given for name, given in auth.items() if given is not None}

    def _refuse_literal_secrets(self) -> None:
        given = {"client_secret": self.client_secret, "token": self.token}
        written = [name for name, text in given.items() if text is not None and not isinstance(text, dg.EnvVar)]
        written += [
            f"metadata[{key!r}]"
            for key, text in (self.metadata or {}).items()
            if key.lower() in _SECRET_METADATA and not isinstance(text, dg.EnvVar)
        ]
        written += [name for name in _ADDRESSES if _has_password(getattr(self, name))]
        if written:
            from bridge_core import ConfigError

            raise ConfigError(
                f"FlyteResource: {' and '.join(written)} must not be written out: Dagster stores and shows what its definitions "
                "say. Give dg.EnvVar('NAME') and set that variable where runs are executed, or client_secret_location='FILE'"
            )


_OF_AUTH = ("audience", "authorization_header", "token_url", "device_authorization_url", "http_proxy_url")
_ADDRESSES = ("http_proxy_url", "token_url", "device_authorization_url")
_SECRET_METADATA = ("authorization", "proxy-authorization", "cookie", "flyte-authorization")
_ELSEWHERE = (
    *_OF_AUTH,
    "allowed_projects",
    "allowed_service_accounts",
    "client_assertion_location",
    "proxy_command",
    "token",
    "token_location",
    "auth_mode",
    "client_id",
    "client_secret",
    "client_secret_location",
    "command",
    "config_file",
    "dagster_url",
    "metadata",
    "metrics_in_event_log",
    "scopes",
)
_PASSED_ON = tuple(name for name in FlyteResource.model_fields if name not in _ELSEWHERE)


def _value(field: str, given: Any) -> Any:
    """What an `EnvVar` stands for: outside of Dagster nobody has looked it up, and as a text it is its own name."""
    if not isinstance(given, dg.EnvVar | type(dg.EnvVar.int("_"))):
        return given
    found = given.get_value()
    if found is None:
        from bridge_core import ConfigError

        raise ConfigError(
            f"FlyteResource: {field} is EnvVar({_name_of(given)!r}), and the environment variable {_name_of(given)} is not "
            "set in this process"
        )
    return found


def _has_password(address: Any) -> bool:
    if not isinstance(address, str) or isinstance(address, dg.EnvVar):
        return False
    login, at, _ = address.partition("://")[2].partition("/")[0].rpartition("@")
    return bool(at) and ":" in login


def _name_of(variable: Any) -> str:
    name: str = variable.env_var_name if isinstance(variable, dg.EnvVar) else variable.name
    return name
