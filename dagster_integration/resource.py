"""`FlyteResource`: which Flyte, as Dagster configuration.

No ``from __future__ import annotations`` here: Dagster and pydantic read the annotations of the fields at run time.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

if TYPE_CHECKING:
    from bridge_core import Client, Config

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
    metadata: dict[str, str] | None = Field(
        default=None,
        repr=False,
        description="gRPC metadata sent with every call, an authorization token for instance. Give secrets as "
        "EnvVar('NAME'): Dagster shows the name then, and never the value.",
    )

    _client: "Client | None" = PrivateAttr(default=None)

    def get_config(self) -> "Config":
        """The configuration that the fields, the environment and the configuration file give together.

        Raises:
            ConfigError: A setting is malformed, or two contradict each other.
        """
        from bridge_core import Config

        given: dict[str, Any] = {name: getattr(self, name) for name in _PASSED_ON}
        if self.metadata is not None:
            given["metadata"] = tuple(self.metadata.items())
        return Config.auto(self.config_file, search_cwd=False, **given)

    def get_client(self) -> "Client":
        """The client of this process: made on first use, connected when it first calls, closed when the run's process ends.

        Raises:
            ConfigError: See `get_config`.
        """
        from bridge_core import Client

        if self._client is None:
            self._client = Client(self.get_config())
        return self._client

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002
        """Closes the connection; Dagster calls this after interrupts too."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


_PASSED_ON = tuple(name for name in FlyteResource.model_fields if name not in ("config_file", "metadata"))
