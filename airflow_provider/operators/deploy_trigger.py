"""`FlyteDeployTriggerOperator`: hands a schedule to Flyte's own scheduler; `operators.flyte` has it for users.

The deployment is `Client.deploy_trigger`: the same again changes nothing, so a retry, also of a task killed half-way, ends as if
nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from bridge_core import Trigger

__all__ = ["FlyteDeployTriggerOperator"]


class FlyteDeployTriggerOperator(BaseOperator):
    """Makes Flyte fire a trigger by itself: a rollout of schedules as a DAG, after `FlyteRegisterOperator` for instance.

    Airflow fires nothing of it; a DAG that follows the same trigger in Airflow is `dag_from_trigger`. Use one of the two, or the
    entity runs twice at each tick.

    XComs: ``return_value`` (`DeployedTrigger` as a dict).

    Args:
        trigger: A `Trigger`, or a mapping as in ``triggers.yaml``: ``{"name": …, "entity": …, "cron": …}``, whose texts are
            templated. Where its entity names no project or domain, they are the connection's; where it names no version, it is
            the newest one of now.
        version: Of the entity, instead of the trigger's: ``register.output["version"]``. Templated.
        active: Whether it fires afterwards. None: as the trigger says (``auto_activate``), and one that is active stays so.
        flyte_conn_id: Connection of type ``flyte``. Templated.
        **kwargs: Of every Airflow operator.

    Example:
        >>> from airflow_provider.operators.flyte import FlyteDeployTriggerOperator
        >>> from bridge_core import Trigger
        >>> FlyteDeployTriggerOperator(
        ...     task_id="deploy", trigger=Trigger.daily("day", entity="pkg.report", name="report")
        ... )  # doctest: +SKIP
    """

    template_fields: Sequence[str] = ("trigger", "version", "flyte_conn_id")
    template_fields_renderers = {"trigger": "json"}
    ui_color = "#e6dcff"

    def __init__(
        self,
        *,
        trigger: Trigger | Mapping[str, Any],
        version: str | None = None,
        active: bool | None = None,
        flyte_conn_id: str = "flyte_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger
        self.version = version
        self.active = active
        self.flyte_conn_id = flyte_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Deploys it.

        Args:
            context: Airflow's.

        Returns:
            What Flyte knows about it now, as plain JSON.

        Raises:
            AirflowFailException: What a retry cannot change: the trigger, its entity or its inputs are wrong, this Flyte cannot
                fire it so, or the connection does not allow it.
            AirflowException: What a retry may: Flyte could not be asked.
        """
        from .._worker.verbs import deploy_trigger

        return deploy_trigger(self)
