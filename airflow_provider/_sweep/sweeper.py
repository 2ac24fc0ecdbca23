"""Runs the sweep (`_sweep.unattended`) where a triggerer runs, in a thread of its main process: the one part of Airflow that
outlives tasks and may read its database. Two triggerers sweep twice, which does no harm: an aborted run is not aborted again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, conf

from bridge_core import BridgeError, ErrorClass, classify

from .._compat import may_look_up
from .._shared.identity import known_instance_id
from .._shared.metrics import gauge
from .database import AirflowDatabase
from .place import PlaceSweep

if TYPE_CHECKING:
    from bridge_core import Client

__all__ = ["ConnectionSweep", "start_with", "tell"]

log = logging.getLogger("airflow.flyte.sweeper")

_SETTLED = 5.0
"""Seconds after which a triggerer that begins has made its runner: nothing of gRPC may be under way when it forks."""
_BEGINS_WITHIN = 30.0


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
            tell(sweeps.values(), time.monotonic())
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
    there = dict(_connections())
    for conn_id in set(sweeps) - set(there):
        del sweeps[conn_id]
    for conn_id, given in there.items():
        sweeps.setdefault(conn_id, ConnectionSweep(conn_id)).begin(given, installation)


def tell(sweeps: Iterable[ConnectionSweep], now: float) -> None:
    """Tells Airflow's metrics of aborts that are owed, and for how long nobody has looked for some: nothing else shows it."""
    sweeps = list(sweeps)
    gauge("abort_overdue", max((sweep.overdue(now) for sweep in sweeps), default=0.0))
    gauge("sweep_age", max((sweep.age(now) for sweep in sweeps), default=0.0))


class ConnectionSweep:
    """Looks at one Flyte, in a thread of its own: one that does not answer must not keep the others from being swept.

    Args:
        conn_id: Connection id.
        clock: Seconds, never going back.
    """

    def __init__(self, conn_id: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._conn_id = conn_id
        self._clock = clock
        self._places: dict[tuple[str, str], PlaceSweep] = {}
        self._looked: float | None = None
        self._thread: threading.Thread | None = None

    def overdue(self, now: float) -> float:
        """Seconds by which the abort is late that is owed for the longest time; 0 when none is."""
        return max((place.overdue(now) for place in list(self._places.values())), default=0.0)

    def age(self, now: float) -> float:
        """Seconds since all of it was looked at; 0 where that never went well: such a connection may not be meant to work."""
        return 0.0 if self._looked is None else now - self._looked

    def begin(self, given: list[tuple[str, str]], installation: str) -> None:
        """Begins a look, unless the one before still goes on."""
        if self._thread is None or not self._thread.is_alive():
            name = f"flyte-sweeper-{self._conn_id}"
            self._thread = threading.Thread(target=self._look, args=(given, installation), name=name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Returns when the look that goes on is over."""
        if self._thread is not None:
            self._thread.join()

    def _look(self, given: list[tuple[str, str]], installation: str) -> None:
        from ..hooks.flyte import FlyteHook

        try:
            with FlyteHook(self._conn_id).get_client() as client:
                refused = [
                    error
                    for place in given or _places_of(client)
                    if (error := self._look_at(client, place, installation)) is not None
                ]
            if not refused:
                self._looked = self._clock()
        except BridgeError as error:
            log.warning("connection %s could not be swept: %s", self._conn_id, error)
        except AirflowNotFoundException as error:  # there is no such connection (any more), and nothing is owed on it
            self._places, self._looked = {}, None
            log.info("connection %s is not swept: %s", self._conn_id, error)
        except Exception as error:  # noqa: BLE001  # one that cannot be read is nothing that a log need shout about
            log.info("connection %s is not swept: %s", self._conn_id, error)

    def _look_at(self, client: Client, place: tuple[str, str], installation: str) -> BridgeError | None:
        """What Flyte refuses in one project keeps no other from being swept."""
        sweep = self._places.setdefault(place, PlaceSweep(*place, pause=_pause()))
        try:
            return sweep.look(client, AirflowDatabase(), installation, self._clock())
        except BridgeError as error:
            if classify(error).error_class is not ErrorClass.REFUSED_BY_FLYTE:
                raise
            log.warning("connection %s could not be swept in %s: %s", self._conn_id, "/".join(place), error)
            return error


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
