"""An Airflow that runs one release of the provider, and is turned over to another one by killing its processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_home import AirflowHome
from airflow_stack import COMPONENTS, AirflowStack
from support.ports import free_ports
from support.releases import both

# A scheduler that finds tasks of one that was killed, and of workers that died with it, within seconds and not in five minutes.
_EAGER = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}


@dataclass(frozen=True)
class TwoReleases:
    """A running Airflow of the first release."""

    airflow: AirflowStack
    _second: str

    def turn_over(self) -> None:
        """Kills every process, workers too, and starts those of the second release."""
        for name in reversed(COMPONENTS):  # triggerer first: what it waited for waits in the database
            with self.airflow.without(name, signal.SIGKILL, env={"PYTHONPATH": self._second, **_EAGER}):
                pass
        self.airflow._wait_until_up()


@contextmanager
def running(
    way: str, folder: Path, sandbox: Any, *, dag_file: str, dag_ids: Set[str], newest: bool = False
) -> Iterator[TwoReleases]:
    """Starts it.

    Args:
        way: ``upgrade``: from the release before to this one; ``rollback``: back.
        folder: For everything.
        sandbox: The Flyte.
        dag_file: What both releases can read.
        dag_ids: Its DAGs.
        newest: See `both`.
    """
    pair = both(newest=newest)
    first, second = pair if way == "upgrade" else pair[::-1]
    port, worker, trigger = free_ports(3)
    dags = folder / "dags"
    dags.mkdir()
    (dags / "both_releases.py").write_text(dag_file)
    ports = {"worker": worker, "trigger": trigger}
    home = AirflowHome(folder / "home", sandbox, dags=dags, port=port, ports=ports)
    home.root.mkdir()
    tests = home.env["PYTHONPATH"]
    home.env["PYTHONPATH"] = os.pathsep.join((str(first.path), tests))
    home.migrate()
    where = home.python("import airflow_provider; print(airflow_provider.__file__)")
    assert where.startswith(str(first.path))
    with AirflowStack(home, dags=dag_ids) as airflow:
        yield TwoReleases(airflow, os.pathsep.join((str(second.path), tests)))
