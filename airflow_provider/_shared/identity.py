"""What tells a task instance from another one of the same names, and this Airflow from another one.

What a worker may see was tried on Airflow 3.3.2: ``ti.id`` changes with every try, the traceparent with any clear,
``dag_run.start_date`` with the clear of a finished run; ``created_at`` and ``queued_at`` are not there. What lives exactly as
long as the task instance is its state store, which goes with the DAG run. So a random identity is kept there, for ever, and
written before the first launch. It needs the Execution API alone: no shared disk, no database.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from airflow.providers.common.compat.sdk import Variable, conf

from bridge_core import EntityRef

from .._compat import counts_every_clear
from .task_key import TaskKey

__all__ = [
    "INSTANCE_VARIABLE",
    "Identity",
    "identity_of",
    "instance_id",
    "known_instance_id",
    "remember_pin",
    "remember_url",
    "remembered_pin",
    "remembered_url",
    "task_key",
]

INSTANCE_VARIABLE = "flyte_bridge_instance_id"
_KEY = "flyte_bridge_identity"
_URL_KEY = "flyte_bridge_console_url"
_PIN_KEY = "flyte_bridge_registered"


class Identity(NamedTuple):
    """Tells one task instance from every other."""

    token: str
    fresh: bool
    """Nothing was launched under it before: it was made just now."""


def identity_of(context: Mapping[str, Any], installation: str) -> Identity:
    """The identity of the task instance that runs, the same in all its tries.

    Args:
        context: Airflow's.
        installation: `instance_id`; part of the identity where Airflow offers nothing else that is unique (2.11).

    Raises:
        Exception: Whatever Airflow raises when it cannot keep it: nothing may be launched then.
    """
    store = context.get("task_state_store")
    if store is not None:
        known = store.get(_KEY)
        if isinstance(known, str) and known:
            return Identity(known, fresh=False)
        token = uuid.uuid4().hex
        store.set(_KEY, token, retention=_never())
        return Identity(token, fresh=True)
    dag_run: Any = context.get("dag_run")
    if getattr(dag_run, "id", None) is not None:  # Airflow 2.11: the row itself
        return Identity(f"{installation}:{dag_run.id}", fresh=True)
    started = getattr(dag_run, "start_date", None)
    return Identity(started.isoformat() if started is not None else "", fresh=True)


def task_key(context: Mapping[str, Any], retries: int | None, *, single_task: bool) -> tuple[TaskKey, bool]:
    """The key of the task instance that runs, and whether its identity is `Identity.fresh`.

    Args:
        context: Airflow's.
        retries: The task's ``retries``.
        single_task: Whether it launches a Flyte task by itself.

    Raises:
        Exception: Whatever Airflow raises when it cannot be asked, or cannot keep the identity.
    """
    installation = instance_id()
    identity = identity_of(context, installation)
    clears = getattr(context.get("dag_run"), "clear_number", None) if counts_every_clear() else None
    key = TaskKey(
        context["ti"],
        retries=retries,
        clears=clears,
        identity=identity.token,
        installation=installation,
        single_task=single_task,
    )
    return key, identity.fresh


def known_instance_id() -> str | None:
    """`instance_id`, if there is one already.

    Raises:
        Exception: Whatever Airflow raises when it cannot be asked.
    """
    configured = (conf.get("flyte", "instance_id", fallback=None) or "").strip()
    # By position: the default has another name in Airflow 2.
    return configured or Variable.get(INSTANCE_VARIABLE, None) or None


def instance_id() -> str:
    """Which Airflow this is: ``[flyte] instance_id``, else a Variable that is made on first use.

    Raises:
        Exception: Whatever Airflow raises when it cannot be asked.
    """
    known = known_instance_id()
    if not known:
        Variable.set(
            INSTANCE_VARIABLE, uuid.uuid4().hex, description="Tells runs of this Airflow in Flyte from others'."
        )
        known = Variable.get(INSTANCE_VARIABLE)  # of two that were set at once, one stayed
    return str(known)


def remember_url(context: Mapping[str, Any], url: str) -> None:
    """Keeps the console's URL for the tries after this one: Airflow forgets XComs when a try begins."""
    store = context.get("task_state_store")
    if store is not None:
        store.set(_URL_KEY, url, retention=_never())


def remembered_url(context: Mapping[str, Any]) -> str | None:
    """The URL of the run that an earlier try launched."""
    store = context.get("task_state_store")
    known = None if store is None else store.get(_URL_KEY)
    return known if isinstance(known, str) else None


def remember_pin(context: Mapping[str, Any], epoch: int, entity: EntityRef) -> None:
    """Keeps what was registered for this task, before it is launched: its retries launch that version, whatever the code is then.

    Args:
        context: Airflow's.
        epoch: `TaskKey.epoch`: a cleared task registers anew.
        entity: Pinned.
    """
    store = context.get("task_state_store")
    if store is not None:
        store.set(_PIN_KEY, f"{epoch} {entity}", retention=_never())


def remembered_pin(context: Mapping[str, Any], epoch: int, entity: EntityRef) -> EntityRef | None:
    """What an earlier try of this epoch registered, if it was this entity."""
    store = context.get("task_state_store")
    known = None if store is None else store.get(_PIN_KEY)
    if not isinstance(known, str):
        return None
    kept, _, text = known.partition(" ")
    found = EntityRef.parse(text)
    same = replace(found, version=None) == replace(entity, version=None)
    return found if same and kept == str(epoch) and entity.version in (None, found.version) else None


def _never() -> Any:
    from airflow.sdk.execution_time.context import NEVER_EXPIRE  # compared by identity (3.3.2)

    return NEVER_EXPIRE
