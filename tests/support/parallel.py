"""Which tests share a process when several run at once, and which begin first.

What a session starts is started once per process, and an Airflow is four processes that take 40 seconds of CPU to begin and are
busy even when nobody asks them anything. So the tests of the running Airflow are one group, those of a home of it another one,
those of the running Dagster a third; every other file is a group. The longest begin first, so that no process is left with one
of them when the others are done. (xdist's own ``--dist loadgroup`` marks node ids, which pytest 9.2 does not let it.)
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

__all__ = ["Groups", "longest_first"]

_FIRST = (
    "airflow",
    "dagster",
    "sandbox",
    "registration",
    "quickstart",
    "flyte2_sandbox",
    "core",
    "scheduler",
    "flyte2",
)
"""Folders whose files take minutes, longest first."""
_HOME_OF_AIRFLOW = frozenset({
    "test_airflow_alerts", "test_airflow_cases", "test_airflow_limits", "test_airflow_native", "test_airflow_pieces",
    "test_airflow_timetable", "test_airflow_verbs",
})  # fmt: skip
"""Files that use a home of Airflow, and none of its components."""
_NO_AIRFLOW = frozenset({
    "test_airflow_lineage", "test_airflow_units", "test_airflow_upgrade", "test_airflow_upgrade_watch", "test_airflow_values",
    "test_airflow_watch",
})  # fmt: skip
"""Files that use none, or one of their own."""
_RUNNING_DAGSTER = frozenset({
    "test_dagster_browser", "test_dagster_crash", "test_dagster_matrix", "test_dagster_reexecution",
    "test_dagster_secrets",
})  # fmt: skip
"""Files with the fixture `running`."""


class Groups(LoadScopeScheduling):
    """Gives whole groups to processes, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        if file.stem in _RUNNING_DAGSTER:
            return "dagster"
        if file.parent.name != "airflow" or file.stem in _NO_AIRFLOW:
            return str(file)
        return "airflow-home" if file.stem in _HOME_OF_AIRFLOW else "airflow"


def longest_first(items: list[pytest.Item]) -> None:
    """Orders them by folder; within a folder the order stays."""
    places = {name: number for number, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(places)))
