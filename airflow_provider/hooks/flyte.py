"""`FlyteHook`: from a connection id to a client. Everything else about connections is in `_connection`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from bridge_core import Client, Config

    from .._connection.limits import ConnectionLimits

__all__ = ["FlyteHook"]

_TEST_TIMEOUT = 10.0
_MESSAGE_LIMIT = 400


class FlyteHook(BaseHook):
    """A connection of type ``flyte``.

    Args:
        flyte_conn_id: Connection id.

    Example:
        >>> from airflow_provider.hooks.flyte import FlyteHook
        >>> with FlyteHook("flyte_default").get_client() as flyte:  # doctest: +SKIP
        ...     print(flyte.console_url(ref))
    """

    conn_name_attr = "flyte_conn_id"
    default_conn_name = "flyte_default"
    conn_type = "flyte"
    hook_name = "Flyte"

    def __init__(self, flyte_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.flyte_conn_id = flyte_conn_id
        self.limits: ConnectionLimits | None = None
        """What tasks may do with the connection; known once it was looked up."""

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The connection form of Airflow 3.1; later ones read the provider's metadata. Delete with that line."""
        from .._connection.form import old_widgets

        return old_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The same for the fields that every connection has."""
        from .._connection.form import old_behaviour

        return old_behaviour()

    def get_config(self) -> Config:
        """What the connection means, with ``FLYTE_*`` variables and files for what it leaves out (see `config_from_connection`).

        Raises:
            ConfigError: The connection is malformed, or contradicts itself.
            AirflowNotFoundException: There is no such connection.
        """
        try:
            connection = self.get_connection(self.flyte_conn_id)
        except AirflowNotFoundException as error:
            raise _undefined(self.flyte_conn_id, error) from None
        config = self._read(connection)
        _ = connection.extra_dejson  # reading it registers its secrets with Airflow's masker
        return config

    async def aget_config(self) -> Config:
        """`get_config` on an event loop; raises the same."""
        from .._compat import ask_connection

        try:
            connection = await ask_connection(self.flyte_conn_id)
        except AirflowNotFoundException as error:
            raise _undefined(self.flyte_conn_id, error) from None
        return self._read(connection)

    def _read(self, connection: Connection) -> Config:
        from .._connection.config import config_from_connection, limits_from_connection

        name = connection.conn_id or ""
        self.limits = limits_from_connection(name, connection.extra)
        return config_from_connection(
            name,
            host=connection.host,
            port=connection.port,
            extra=connection.extra,
            login=connection.login,
            password=connection.password,
            schema=connection.schema,
        )

    def check_place(self, project: str | None, domain: str | None) -> None:
        """Nothing, if the connection, which was looked up before, allows its tasks to be there.

        Raises:
            ConfigError: It does not.
        """
        if self.limits is not None:
            self.limits.check_place(project, domain)

    def get_client(self, place: Mapping[str, Any] | None = None) -> Client:
        """A client of that Flyte; nothing is opened until it is used. Close it, or use it in a ``with``.

        Args:
            place: Where a waiting task launched its run, should the connection have been edited since. None: where the
                connection says.

        Raises:
            ConfigError: See `get_config`.
            AirflowNotFoundException: See `get_config`.
        """
        from bridge_core import Client

        from .._connection.config import at_place

        return Client(at_place(self.get_config(), place))

    get_conn = get_client

    def load(self, reference: Any) -> Any:
        """The value of an XCom that is a reference to an output too big for an XCom; any other value is returned as it is.

        Args:
            reference: An XCom of a `FlyteRunOperator`; references inside of it are resolved too.
        """
        from .._shared.outputs import output_loader
        from .._shared.values import from_xcom

        with self.get_client() as client:
            return from_xcom(reference, output_loader(client))

    def test_connection(self) -> tuple[bool, str]:
        """Asks Flyte for its projects and who we are: the answer proves address, TLS, credentials, and that the place exists.

        Returns:
            Whether it worked, and one line for the connection form: at most 400 characters. Asks once, for at most 10 s.
        """
        from bridge_core import BridgeError, Client, RetryPolicy

        try:
            config = self.get_config().replace(retry=RetryPolicy(retries=0), rpc_timeout=_TEST_TIMEOUT)
            with Client(config) as client:
                known = {project.id: project.domains for project in client.projects()}
                who = client.whoami()
        except BridgeError as error:
            return False, _trimmed(error.message)
        if config.project and config.project not in known:
            return False, _trimmed(_unknown("project", config.project, known, config.endpoint))
        domains = known[config.project] if config.project else tuple(chain.from_iterable(known.values()))
        if config.domain and config.domain not in domains:
            return False, _trimmed(_unknown("domain", config.domain, domains, config.endpoint))
        where = (
            f"{config.project}/{config.domain}" if config.project and config.domain else "no default project and domain"
        )
        return True, _trimmed(
            f"Flyte answers at {config.endpoint} ({where})" + (f", and knows us as {who}" if who else "")
        )


def _unknown(what: str, name: str, known: Iterable[str], endpoint: str) -> str:
    return f"Flyte answers at {endpoint}, and has no {what} {name!r}; it has {', '.join(sorted(set(known))) or 'none'}"


def _undefined(conn_id: str, error: Exception) -> AirflowNotFoundException:
    return AirflowNotFoundException(
        f"{error}. Create a connection of type Flyte with this id (Admin > Connections, or the variable "
        f"AIRFLOW_CONN_{conn_id.upper()}), or name another one in flyte_conn_id"
    )


def _trimmed(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_LIMIT else f"{line[: _MESSAGE_LIMIT - 1]}…"
