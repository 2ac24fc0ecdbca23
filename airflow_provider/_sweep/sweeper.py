"""Runs the sweep (`_sweep.unattended`) where a triggerer runs, in a thread of its main process: the one part of Airflow that
outlives tasks and may read its database. Two triggerers sweep twice, which does no harm: an aborted run is not aborted again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from bridge_core import BridgeError

from .._compat import may_look_up, stored_xcoms
from .._shared.identity import known_instance_id
from .._shared.metrics import count
from .unattended import TaskId, Watchlist, awaited_runs, rivals, unattended

if TYPE_CHECKING:
    from bridge_core import Client

__all__ = ["start_with"]

log = logging.getLogger("airflow.flyte.sweeper")

_SETTLED = 5.0
"""Seconds after which a triggerer that begins has made its runner: nothing of gRPC may be under way when it forks."""
_BEGINS_WITHIN = 30.0
_PER_QUESTION = 200


def start_with(component: Any) -> None:
    """Starts the sweeper if this component of Airflow is a triggerer that does not just begin to end.

    Args:
        component: What Airflow hands to ``on_starting``.
    """
    if type(component).__name__ == "Job":
        threading.Thread(target=_run, args=(component,), name="flyte-sweeper", daemon=True).start()


def _run(job: Any) -> None:
    if not _becomes_a_triggerer(job):
        return
    time.sleep(_SETTLED)
    interval = conf.getfloat("flyte", "sweep_interval", fallback=60.0)
    if interval <= 0:
        return
    sweeps: dict[str, ConnectionSweep] = {}
    while True:
        try:
            _look_everywhere(sweeps)
        except Exception:
            log.exception("the sweep for runs that nobody waits for failed; it is tried again in %g s", interval)
        time.sleep(interval)


def _becomes_a_triggerer(job: Any) -> bool:
    """Airflow says what kind of job it is after it announced it; and that it may use the database when it begins."""
    end = time.monotonic() + _BEGINS_WITHIN
    while time.monotonic() < end and not may_look_up(job):
        time.sleep(0.5)
    return bool(vars(job).get("job_type") == "TriggererJob")


def _look_everywhere(sweeps: dict[str, ConnectionSweep]) -> None:
    installation = known_instance_id()
    if installation is None:
        return  # nothing was launched yet
    for conn_id, given in _connections():
        sweeps.setdefault(conn_id, ConnectionSweep(conn_id)).begin(given, installation)


class ConnectionSweep:
    """Looks at one Flyte, in a thread of its own: one that does not answer must not keep the others from being swept.

    Args:
        conn_id: Connection id.
    """

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._lists: dict[tuple[str, str], Watchlist] = {}
        self._thread: threading.Thread | None = None

    def begin(self, given: list[tuple[str, str]], installation: str) -> None:
        """Begins a look, unless the one before still goes on."""
        if self._thread is None or not self._thread.is_alive():
            name = f"flyte-sweeper-{self._conn_id}"
            self._thread = threading.Thread(target=self._look, args=(given, installation), name=name, daemon=True)
            self._thread.start()

    def _look(self, given: list[tuple[str, str]], installation: str) -> None:
        from ..hooks.flyte import FlyteHook

        try:
            with FlyteHook(self._conn_id).get_client() as client:
                for project, domain in given or _places_of(client):
                    watchlist = self._lists.setdefault((project, domain), Watchlist(_pause()))
                    _look(client, project, domain, installation, watchlist)
        except BridgeError as error:
            log.warning("connection %s could not be swept: %s", self._conn_id, error)
        except Exception as error:  # noqa: BLE001  # a missing connection is nothing that a log need shout about
            log.info("connection %s is not swept: %s", self._conn_id, error)


def _look(client: Client, project: str, domain: str, installation: str, watchlist: Watchlist) -> None:
    awaited = awaited_runs(client, project, domain, installation)
    states = _states(set(awaited.values()))
    reasons = {run.ref: why for run, why in unattended(awaited, states, _waits_for(rivals(awaited))).items()}
    for ref in watchlist.due(reasons, time.monotonic()):
        client.abort(ref, reason=f"{reasons[ref]}, and nobody waits for the run")
        watchlist.forget([ref])
        count("reaped")
        log.warning("aborted run %s: %s, and nobody waits for it", ref, reasons[ref])


def _pause() -> float:
    return float(conf.getfloat("flyte", "sweep_pause", fallback=60.0))


def _places_of(client: Client) -> list[tuple[str, str]]:
    """The connection's project and domain; all of its Flyte's when it names none: then its tasks name theirs."""
    own, domain = client.config.project, client.config.domain
    if own and domain:
        return [(own, domain)]
    return [(project.id, name) for project in client.projects() for name in project.domains]


def _connections() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Connection ids, and the places to look at; none: `_places_of`."""
    places: dict[str, list[tuple[str, str]]] = {"flyte_default": []}
    places.update({conn_id: [] for conn_id in _stored_connections()})
    for item in (conf.get("flyte", "sweep", fallback=None) or "").replace(",", " ").split():
        conn_id, _, place = item.partition("=")
        project, _, domain = place.partition("/")
        places.setdefault(conn_id, []).extend([(project, domain)] if place else [])
    yield from places.items()


def _stored_connections() -> list[str]:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [
            str(name) for name in session.scalars(select(Connection.conn_id).where(Connection.conn_type == "flyte"))
        ]


def _chunks(tasks: Iterable[TaskId]) -> Iterator[list[TaskId]]:
    ordered = sorted(tasks)
    for begin in range(0, len(ordered), _PER_QUESTION):
        yield ordered[begin : begin + _PER_QUESTION]


def _states(tasks: set[TaskId]) -> Mapping[TaskId, str]:
    """What Airflow's database says about these; those it does not have are left out."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select, tuple_

    columns = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index)
    out: dict[TaskId, str] = {}
    with create_session() as session:
        for chunk in _chunks(tasks):
            rows = session.execute(select(*columns, TaskInstance.state).where(tuple_(*columns).in_(chunk)))
            out.update({TaskId(*row[:4]): str(getattr(row[4], "value", row[4]) or "none") for row in rows})
    return out


def _waits_for(tasks: set[TaskId]) -> Mapping[TaskId, str]:
    """The run that each of these says it waits for."""
    from airflow.utils.session import create_session
    from sqlalchemy import select, tuple_

    xcoms = stored_xcoms()
    columns = (xcoms.dag_id, xcoms.run_id, xcoms.task_id, xcoms.map_index)
    out: dict[TaskId, str] = {}
    with create_session() as session:
        for chunk in _chunks(tasks):
            wanted = select(*columns, xcoms.value).where(xcoms.key == "flyte_run", tuple_(*columns).in_(chunk))
            for row in session.execute(wanted):
                if name := _name_in(row[4]):
                    out[TaskId(*row[:4])] = name
    return out


def _name_in(stored: Any) -> str | None:
    import json

    value = stored
    for _ in range(2):  # the column is JSON of JSON
        if isinstance(value, str | bytes):
            try:
                value = json.loads(value)
            except ValueError:
                return None
    if isinstance(value, dict):
        name = value.get(
            "name", value.get("__data__", {}).get("name") if isinstance(value.get("__data__"), dict) else None
        )
        return name if isinstance(name, str) else None
    return None
