"""Counts how often Airflow looks a connection up: a secrets backend that writes a line each time, and knows none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.secrets.base_secrets import BaseSecretsBackend


class Counting(BaseSecretsBackend):
    """Named in ``[secrets] backend``."""

    def get_conn_value(self, conn_id: str, **_team: Any) -> None:
        with Path(os.environ["FLYTE_BRIDGE_TEST_LOOKUPS"]).open("a") as file:
            file.write(f"{conn_id} {os.getpid()}\n")
