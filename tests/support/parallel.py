"""Which tests share a process when several run at once, and which begin first.

What a session starts is started once per process, and an Airflow is four processes that are busy even when nobody asks them
anything. So the tests of the running Airflow are two groups, those of the running Dagster one; every other file is a group. The
longest begin first, so that no process is left with one of them when the others are done.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

_SECOND_AIRFLOW = frozenset({
    "test_airflow_identity", "test_airflow_running", "test_airflow_register", "test_airflow_sweep", "test_airflow_verbs",
    "test_airflow_watch",
})  # fmt: skip
"""Files that take half of the time of all that use one."""
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


def arrange(items: list[pytest.Item]) -> None:
    """Marks the groups of ``--dist loadgroup`` and orders them; within a group the order stays."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    folders = {name: number for number, name in enumerate(_FIRST)}
    items.sort(key=lambda item: (folders.get(item.path.parent.name, len(folders)), not _uses_airflow(item)))


def _group(item: pytest.Item) -> str:
    if _uses_airflow(item):
        return "airflow-2" if item.path.stem in _SECOND_AIRFLOW else "airflow-1"
    if "running" in getattr(item, "fixturenames", ()):
        return "dagster"
    return f"{item.path.parent.name}/{item.path.stem}"


def _uses_airflow(item: pytest.Item) -> bool:
    fixtures: Iterable[str] = getattr(item, "fixturenames", ())
    return item.path.parent.name == "airflow" and not {"airflow", "home"}.isdisjoint(fixtures)
