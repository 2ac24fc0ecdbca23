"""Buttons on a task: "Flyte console" from the moment the run is launched, in both modes, mapped or failed too; "Flyte log" once a
node failed.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from ._compat import IS_AIRFLOW_2

__all__ = ["FlyteConsoleLink", "FlyteLogLink"]


class _StoredLink(BaseOperatorLink):
    """Airflow 3 shows what is stored under `xcom_key`. The operator stores it as soon as it knows, so the link works while the
    task still waits.
    """

    xcom_key: str
    attribute: str
    """Of the operator."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Airflow 3 calls this at the end of each leg, in the task's process, and stores the answer: the operator knows it.

        Airflow 2 calls it when somebody looks, with an operator that never ran: there it is looked up. Looking up what is not
        there would put an error into the log of a task that failed before it had a run.
        """
        if hasattr(operator, self.attribute) and not IS_AIRFLOW_2:
            return str(getattr(operator, self.attribute) or "")
        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")


class FlyteConsoleLink(_StoredLink):
    """Opens the run in Flyte's console."""

    name = "Flyte console"
    xcom_key = "flyte_console_url"
    attribute = "console_url"


class FlyteLogLink(_StoredLink):
    """Opens the log of the node that failed, of its last attempt."""

    name = "Flyte log"
    xcom_key = "flyte_log_url"
    attribute = "log_url"
