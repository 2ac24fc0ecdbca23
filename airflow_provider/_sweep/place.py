"""One project and domain of one Flyte, swept again and again: what is found, what is ended, which aborts are owed meanwhile."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bridge_core import BridgeError, ErrorClass, classify

from .._shared.metrics import count
from .unattended import Watchlist, found_unattended

if TYPE_CHECKING:
    from bridge_core import Client

    from .unattended import Tasks

__all__ = ["PlaceSweep"]

log = logging.getLogger("airflow.flyte.sweeper")


class PlaceSweep:
    """Remembers between looks.

    Args:
        project: Flyte project.
        domain: Flyte domain.
        pause: Seconds that lie between the first look that finds a run unattended and the one that ends it.
    """

    def __init__(self, project: str, domain: str, *, pause: float) -> None:
        self._project, self._domain = project, domain
        self._watchlist = Watchlist(pause)

    def overdue(self, now: float) -> float:
        """Seconds by which the abort is late that is owed for the longest time; 0 when none is."""
        return self._watchlist.overdue(now)

    def look(self, client: Client, airflow: Tasks, installation: str, now: float) -> BridgeError | None:
        """Looks once, and aborts what was unattended for long enough.

        Args:
            client: Asks Flyte.
            airflow: Knows the tasks.
            installation: Which Airflow.
            now: Seconds of a clock that never goes back.

        Returns:
            The last refusal of an abort: it is tried again at the next look, and keeps no other run from being aborted.

        Raises:
            BridgeError: Flyte cannot be asked, or refuses to say what runs here.
        """
        reasons = found_unattended(client, airflow, self._project, self._domain, installation)
        refused: BridgeError | None = None
        for ref in self._watchlist.due(reasons, now):
            try:
                client.abort(ref, reason=f"{reasons[ref]}, and nobody waits for the run")
            except BridgeError as error:
                if classify(error).error_class is not ErrorClass.REFUSED_BY_FLYTE:
                    raise
                log.warning("run %s is to be aborted, and Flyte refuses: %s", ref, error)
                refused = error
                continue
            self._watchlist.forget([ref])
            count("reaped")
            log.warning("aborted run %s: %s, and nobody waits for it", ref, reasons[ref])
        return refused
