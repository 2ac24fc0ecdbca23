"""`FlyteRegisterOperator`: registers what a DAG needs, as a task of its own; `operators.flyte` has it for users.

The registration is `Client.register`: the same again changes nothing, so a retry, also of a task killed half-way, ends as
if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from bridge_core import RegisterRequest, RegistrationReport

__all__ = ["FlyteRegisterOperator"]


class FlyteRegisterOperator(BaseOperator):
    """Registers tasks, workflows and launch plans with Flyte.

    XComs: ``return_value`` (`RegistrationReport` as a dict), ``flyte_version``, and ``version``, so that a `FlyteRunOperator`
    takes it as ``version=register.output["version"]``.

    Args:
        source: A package, code or values, as ``Client.register`` takes them. Texts in it are templated.
        version: None: a digest of the content. Templated.
        project: Default: the connection's. Templated.
        domain: Default: the connection's. Templated.
        activate: Activates all launch plans, those that exist already too.
        flyte_conn_id: Connection of type ``flyte``. Templated.
        options: The other arguments of `RegisterRequest`: ``{"python": "/venv/bin/python", "images": "…"}``. Templated.
        **kwargs: Of every Airflow operator.

    Example:
        >>> from airflow_provider.operators.flyte import FlyteRegisterOperator
        >>> register = FlyteRegisterOperator(
        ...     task_id="register", source="flows/", options={"python": "/venv/bin/python"}
        ... )  # doctest: +SKIP
    """

    template_fields: Sequence[str] = ("source", "version", "project", "domain", "options", "flyte_conn_id")
    template_fields_renderers = {"options": "json"}
    ui_color = "#e6dcff"

    def __init__(
        self,
        *,
        source: Any,
        version: str | None = None,
        project: str | None = None,
        domain: str | None = None,
        activate: bool = False,
        flyte_conn_id: str = "flyte_default",
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.version = version
        self.project = project
        self.domain = domain
        self.activate = activate
        self.flyte_conn_id = flyte_conn_id
        self.options = options

    def execute(self, context: Context) -> dict[str, Any]:
        """Registers.

        Args:
            context: Airflow's.

        Returns:
            The report, as plain JSON.

        Raises:
            AirflowFailException: What a retry cannot change: the source, an entity, or the connection is wrong.
            AirflowException: What a retry may: Flyte could not be asked.
        """
        from bridge_core import Unauthenticated

        from .._shared.failures import airflow_failures
        from .._shared.refusals import LAUNCH_PATIENCE, patiently
        from .._worker.registering import check_registration
        from ..hooks.flyte import FlyteHook

        with airflow_failures():
            asked = self._request()
            hook = FlyteHook(self.flyte_conn_id)
            with hook.get_client() as client:

                def register() -> RegistrationReport:
                    check_registration(hook, client, asked)
                    return client.register(asked)

                report = patiently(register, "registering", patience=LAUNCH_PATIENCE, refusals=Unauthenticated)
        for item in report.entities:
            self.log.info("%s %s %s", item.outcome, item.ref, item.url)
        for key in ("flyte_version", "version"):
            context["ti"].xcom_push(key=key, value=report.version)
        return report.to_dict()

    def _request(self) -> RegisterRequest:
        from bridge_core import InvalidRequest, RegisterRequest

        given = dict(self.options or {})
        own: dict[str, Any] = {
            "version": self.version,
            "project": self.project,
            "domain": self.domain,
            "activate": self.activate,
        }
        known = [name for name in RegisterRequest.__dataclass_fields__ if name not in ("source", *own)]
        if unknown := [name for name in given if name not in known]:
            raise InvalidRequest(
                f"options: {unknown[0]!r} is no argument of a registration; known are {', '.join(known)}"
            )
        return RegisterRequest(self.source, **own, **given)
