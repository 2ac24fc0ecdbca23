"""Which XComs a run's outputs become. Airflow keeps every one in its database, so no value is stored twice once it is big, and
what is too big for an XCom stays in Flyte, with a reference in its place.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge_core import InvalidRequest, RunRef

from .values import reference_to_output, to_xcom

if TYPE_CHECKING:
    from bridge_core import Client

__all__ = ["RESERVED", "OutputXComs", "checked_selection", "output_loader", "output_xcoms"]

log = logging.getLogger("airflow.task.flyte")

RESERVED = frozenset({"return_value", "flyte_run", "flyte_console_url", "flyte_log_url", "flyte_version"})
"""Keys of our own: an output of such a name is ``flyte_output_<name>``."""
_TWICE = 64 * 1024
"""Bytes up to which all outputs stand both in ``return_value`` and under their names."""


class OutputXComs:
    """What is stored: ``returned`` under ``return_value``, ``named`` each under its own key."""

    __slots__ = ("named", "returned")

    def __init__(self, returned: dict[str, Any], named: dict[str, Any]) -> None:
        self.returned = returned
        self.named = named


def output_xcoms(
    run: RunRef, values: Mapping[str, Any], *, limit: int, each: bool, selected: Sequence[str] | None = None
) -> OutputXComs:
    """What to store of a run's outputs.

    Args:
        run: Whose outputs.
        values: All of them, decoded.
        limit: Bytes of JSON above which a value stays in Flyte.
        each: Whether each is stored under its own name too.
        selected: Names of those that are wanted. None: all.

    Raises:
        InvalidRequest: A selected one is not there, or a value has no XCom form.
    """
    missing = [name for name in selected or () if name not in values]
    if missing:
        raise InvalidRequest(f"run {run} has no output {missing[0]!r}; it has {', '.join(values) or 'none'}")
    stored: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name in values if selected is None else selected:
        stored[name] = to_xcom(values[name])
        sizes[name] = _size(stored[name])
        if sizes[name] > limit:
            log.warning(
                "output %s of run %s has %d bytes, more than the %d an XCom may have (outputs_limit): a reference is stored, "
                "which a FlyteRunOperator takes as an input and FlyteHook.load() reads",
                name,
                run,
                sizes[name],
                limit,
            )
            stored[name] = reference_to_output(run, name)
            sizes[name] = _size(stored[name])
    named = {f"flyte_output_{name}" if name in RESERVED else name: value for name, value in stored.items()}
    if not each:
        return OutputXComs(stored, {})
    return OutputXComs(_without_copies(run, stored, sizes), named)


def output_loader(client: Client) -> Callable[[RunRef, str], Any]:
    """Fetches outputs that XComs only refer to, those of one run at once.

    Args:
        client: Asks Flyte when an output is wanted.
    """
    known: dict[RunRef, Mapping[str, Any]] = {}

    def load(run: RunRef, name: str) -> Any:
        if run not in known:
            known[run] = client.outputs(run)
        if name not in known[run]:
            raise InvalidRequest(f"run {run} has no output {name!r}; it has {', '.join(known[run]) or 'none'}")
        return known[run][name]

    return load


def checked_selection(outputs: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names of wanted outputs.

    Raises:
        InvalidRequest: Not a list of texts.
    """
    if outputs is None:
        return None
    if isinstance(outputs, str) or not all(isinstance(name, str) for name in outputs):
        raise InvalidRequest(f'outputs must be a list of names, like ["model"], got {outputs!r}')
    return tuple(outputs)


def _without_copies(run: RunRef, stored: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """The same, with references for the biggest until the rest is small."""
    left = sum(sizes.values())
    returned = dict(stored)
    for name in sorted(stored, key=lambda name: sizes[name], reverse=True):
        if left <= _TWICE:
            break
        left -= sizes[name]
        returned[name] = reference_to_output(run, name)
    return returned


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str).encode())
