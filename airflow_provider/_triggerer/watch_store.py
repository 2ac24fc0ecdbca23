"""Keeps what a watch has reported beside the asset that it watches, in the transaction that stores the event itself.

A trigger runs where there is no database: it hands an event over and never learns whether it was stored. Whoever writes down
"reported" before that loses events in a crash, whoever writes it after repeats them. Airflow calls listeners while the event is
in its database session and not committed; written through that session, both are stored, or neither (measured on 3.3.2).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .._compat import has_asset_state
from .watch_state import WatchState

__all__ = ["WatchStore", "queue_again", "remember_reported"]

log = logging.getLogger("airflow.task.flyte")

_SHOWS_WITHIN = 60.0
_PAUSE = 0.5
_STORED_WITHIN = 5.0
"""Seconds in which Airflow before 3.3 stores what was fired: it hands events over once a second. Written down sooner, a crash in
between would lose them; later, it repeats them."""


class WatchStore:
    """The trigger's side.

    Args:
        accessors: `BaseEventTrigger.asset_state_store`: of all assets that this trigger watches for. None: Airflow has no such
            thing (before 3.3); then a Variable keeps it, after the event was handed over, which may come twice after a crash.
        key: Tells this watch from others of the same asset.
    """

    def __init__(self, accessors: Any, key: str) -> None:
        self._is_atomic = accessors is not None
        self._key = key
        if accessors is None:
            self._stores: list[Any] = [_Variable()]
        else:
            stores = vars(accessors)["_by_name"]  # it lists them in no other way (3.3.2)
            self._stores = [stores[name] for name in sorted(stores)]

    async def load(self) -> WatchState:
        """What was reported; a watch that begins now when nothing ever was."""
        known = [WatchState.from_json(await store.aget(self._key)) for store in self._stores]
        found = [state for state in known if state is not None]
        if found:  # an asset that joined later has none; all others were written together
            return max(found, key=lambda state: state.mark)
        begins = WatchState.beginning(datetime.now(UTC))
        await self._write(begins)
        return begins

    async def reported(self, runs: Mapping[str, datetime]) -> WatchState:
        """Returns once it is stored that these were reported.

        Args:
            runs: Run -> when it ended.
        """
        for _ in range(int(_SHOWS_WITHIN / _PAUSE) if self._is_atomic else 0):
            stored = await self.load()
            if not stored.lacks(runs):
                return stored
            await asyncio.sleep(_PAUSE)
        if self._is_atomic:  # plugins are off in this triggerer; written here, an event may come twice after a crash
            log.warning(
                "what was reported is not stored with the event: is the plugin 'flyte' loaded by this triggerer?"
            )
        else:
            await asyncio.sleep(_STORED_WITHIN)
        stored = await self.load()
        for name, end in stored.lacks(runs).items():
            stored = stored.plus(name, end)
        await self._write(stored)
        return stored

    async def _write(self, state: WatchState) -> None:
        for store in self._stores:
            await store.aset(self._key, state.to_json())


class _Variable:
    """An asset's state store for Airflow before 3.3."""

    async def aget(self, key: str) -> Any:
        from airflow.sdk.execution_time.comms import GetVariable, VariableResult
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        answer = await SUPERVISOR_COMMS.asend(GetVariable(key=key))
        return json.loads(answer.value) if isinstance(answer, VariableResult) and answer.value else None

    async def aset(self, key: str, value: Any) -> None:
        from airflow.sdk.execution_time.comms import PutVariable
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

        text = "Which ends of Flyte runs were reported to an asset."
        await SUPERVISOR_COMMS.asend(PutVariable(key=key, value=json.dumps(value), description=text))


def queue_again(asset: Any) -> None:
    """Airflow's side: lets the DAG run that waits to be made of this asset's events see the event that is being stored, too.

    Airflow queues a DAG once for all events of an asset, with the time of the first, makes one DAG run of those until then, and
    forgets that it was queued: of three ends in one second two would start nothing until a fourth came (3.3.2,
    apache/airflow#54659). Queued anew, with a time after this event, they are in that DAG run; where the scheduler is making one
    at this moment, its row is gone when it is done, and Airflow queues the next. Delete when Airflow keeps what a DAG run left.

    Args:
        asset: Name and URI of the asset.
    """
    session = _session_of(_is_ours)
    if session is None:
        return
    from airflow.models.asset import AssetDagRunQueue
    from sqlalchemy import update

    queued = AssetDagRunQueue.asset_id == _id_of(asset, session)
    session.execute(update(AssetDagRunQueue).where(queued).values({"created_at": datetime.now(UTC)}))


def remember_reported(asset: Any, extra: Any) -> None:
    """Airflow's side: called while the event is being stored.

    Args:
        asset: Name and URI of the asset.
        extra: Of its event.
    """
    session = _session_of(lambda one: one == extra) if _is_ours(extra) and has_asset_state() else None
    if session is None:
        return
    from airflow._shared.state import AssetScope
    from airflow.state import get_state_backend

    payload = extra["payload"]
    backend, scope, key = get_state_backend(), AssetScope(asset_id=_id_of(asset, session)), payload["flyte_watch"]
    end = datetime.fromisoformat(payload["ended_at"])
    stored = backend.get(scope, key, session=session)
    state = WatchState.from_json(json.loads(stored)) if stored else None
    run = payload["run"]
    name = f"{run['project']}/{run['domain']}/{run['name']}"
    state = (state or WatchState.beginning(end)).plus(name, end)
    backend.set(scope, key, json.dumps(state.to_json()), session=session)


def _is_ours(extra: Any) -> bool:
    payload = extra.get("payload") if isinstance(extra, dict) else None
    return isinstance(payload, dict) and isinstance(payload.get("flyte_watch"), str)


def _session_of(wanted: Callable[[Any], bool]) -> Any:
    """This thread's database session, if an event with such an ``extra`` is being stored in it."""
    from airflow import settings
    from airflow.models.asset import AssetEvent

    assert settings.Session is not None
    session = settings.Session()
    stored = any(isinstance(one, AssetEvent) and wanted(one.extra) for one in session.identity_map.values())
    return session if stored else None


def _id_of(asset: Any, session: Any) -> Any:
    from airflow.models.asset import AssetModel
    from sqlalchemy import select

    return session.scalar(select(AssetModel.id).where(AssetModel.name == asset.name, AssetModel.uri == asset.uri))
