"""The button "Flyte console" on a task: there from the moment the run is launched, in both modes, mapped or failed too."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

__all__ = ["FlyteConsoleLink"]


class FlyteConsoleLink(BaseOperatorLink):
    """Opens the run in Flyte's console.

    Airflow 3 shows what is stored under `xcom_key`. The operator stores it right after launching, so the link works while
    the task still waits.
    """

    name = "Flyte console"
    xcom_key = "flyte_console_url"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Airflow 3 calls this at the end of each leg and stores the answer; so it gives back what is stored already."""
        known = getattr(operator, "console_url", None)
        return str(known or XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")
