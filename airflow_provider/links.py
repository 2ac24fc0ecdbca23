"""The button "Flyte console" on a task: there from the moment the run is launched, in both modes, mapped or failed too."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from ._compat import IS_AIRFLOW_2

__all__ = ["FlyteConsoleLink"]


class FlyteConsoleLink(BaseOperatorLink):
    """Opens the run in Flyte's console.

    Airflow 3 shows what is stored under `xcom_key`. The operator stores it right after launching, so the link works while
    the task still waits.
    """

    name = "Flyte console"
    xcom_key = "flyte_console_url"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Airflow 3 calls this at the end of each leg, in the task's process, and stores the answer: the operator knows it.

        Airflow 2 calls it when somebody looks, with an operator that never ran: there it is looked up. Looking up what is not
        there would put an error into the log of a task that failed before it had a run.
        """
        if hasattr(operator, "console_url") and not IS_AIRFLOW_2:
            return str(operator.console_url or "")
        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")
