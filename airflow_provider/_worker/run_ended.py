"""What a task keeps of a run that ended: outputs and what its assets are told, or all that Flyte says about the failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge_core import BridgeError, RunEnded

from .._compat import outputs_limit
from .._shared.failures import airflow_failures
from .._shared.outputs import checked_selection, output_xcoms
from .._shared.progress import LOG_KEY
from .._shared.refusals import patiently

if TYPE_CHECKING:
    from bridge_core import Client, Explanation, RunRef, RunSnapshot

__all__ = ["bring_home", "explained", "raise_for_end", "tell_failure"]


def bring_home(
    operator: Any, context: Mapping[str, Any], client: Client, snapshot: RunSnapshot
) -> dict[str, Any] | None:
    """Stores what is wanted of the outputs, and tells the task's outlets.

    Args:
        operator: A `FlyteRunOperator`, its fields rendered.
        context: Airflow's.
        client: Asks Flyte.
        snapshot: The run, which succeeded.

    Returns:
        What Airflow stores as ``return_value``.

    Raises:
        AirflowException: An output is not there, has no XCom form, or Flyte could not be asked.
    """
    outputs = _outputs(operator, context["ti"], client, snapshot.ref)
    if operator.outlets:
        from .outlets import tell_outlets

        tell_outlets(context, operator.outlets, snapshot, outputs)
    return outputs


def tell_failure(operator: Any, ti: Any, client: Client, snapshot: RunSnapshot) -> str | None:
    """Writes all that Flyte says about a failure to the task's log; nothing, of a success.

    Returns:
        What the exception that ends the try says: why, where, and what to do. None when Flyte could not be asked, and of a
        success.
    """
    if snapshot.error is not None and "\n" in snapshot.error.message:
        where = f" in node {snapshot.error.node}" if snapshot.error.node else ""
        operator.log.error(
            "run %s failed%s (%s):\n%s", snapshot.ref, where, snapshot.error.code, snapshot.error.message
        )
    if not snapshot.phase.is_terminal or snapshot.phase.is_success:
        return None
    found = explained(client, snapshot)
    if found is None:
        return None
    if found.logs:
        operator.log_url = found.logs[0].uri
        ti.xcom_push(key=LOG_KEY, value=found.logs[0].uri)
    return found.text


def explained(client: Client, run: RunSnapshot | RunRef) -> Explanation | None:
    """Why a run ended badly; None when Flyte does not say. How a failure is reported never depends on it."""
    try:
        return client.explain(run)
    except BridgeError:
        return None


def raise_for_end(snapshot: RunSnapshot, told: str | None) -> None:
    """Raises for a run that ended badly, with the explanation as the message where there is one.

    Raises:
        RunEnded: It did.
    """
    try:
        snapshot.raise_for_phase()
    except RunEnded as error:
        raise (error.with_message(told) if told else error) from None


def _outputs(operator: Any, ti: Any, client: Client, ref: RunRef) -> dict[str, Any] | None:
    if not operator.do_xcom_push or (operator.outputs is not None and not operator.outputs):
        return None
    limit = outputs_limit() if operator.outputs_limit is None else operator.outputs_limit
    with airflow_failures():
        values = patiently(lambda: client.outputs(ref), f"outputs of run {ref}")
        xcoms = output_xcoms(
            ref, values, limit=limit, each=operator.each_output, selected=checked_selection(operator.outputs)
        )
    operator.outputs_kept = xcoms.named or xcoms.returned
    for name, value in xcoms.named.items():
        ti.xcom_push(key=name, value=value)
    return xcoms.returned
