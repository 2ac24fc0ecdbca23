"""What a retry launches after the run of the try before it ended badly. One that lives, or succeeded, is attached to, always."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from bridge_core import InvalidRequest, RunNotFound, RunPhase

if TYPE_CHECKING:
    from bridge_core import Client, Launched, LaunchRequest, RunRef, RunSnapshot

__all__ = ["RetryMode", "again", "checked_mode"]

RetryMode = Literal["attach", "recover", "relaunch", "fresh"]
_MODES = ("attach", "recover", "relaunch", "fresh")


def checked_mode(mode: str) -> str:
    """The mode.

    Raises:
        InvalidRequest: There is no such mode.
    """
    if mode not in _MODES:
        raise InvalidRequest(f"retry_mode must be one of {', '.join(_MODES)}; got {mode!r}")
    return mode


def again(client: Client, request: LaunchRequest, mode: str, ref: RunRef, before: RunSnapshot | None) -> Launched:
    """The run of this attempt: the one that is there, or the next one.

    Args:
        client: Asks Flyte.
        request: What to launch under this name, if it is launched.
        mode: How, after a run that ended badly.
        ref: The run.
        before: The run of the attempt before, which ended badly. None: this is the first.

    Raises:
        AlreadyExists: See `Client.launch_or_attach`.
        BridgeError: Whatever launching raises.
    """
    if before is None or mode == "attach":
        return client.launch_or_attach(request)
    if mode == "fresh":
        return client.launch_or_attach(replace(request, options=replace(request.options, overwrite_cache=True)))
    from bridge_core import Launched

    try:
        return Launched(ref=ref, created=False, snapshot=client.describe(ref))
    except RunNotFound:
        pass
    if before.phase is RunPhase.ABORTING:  # Flyte continues only what has ended
        return client.launch_or_attach(request)
    made = (client.recover if mode == "recover" else client.relaunch)(before.ref, name=ref.name)
    return Launched(ref=made, created=True, snapshot=client.describe(made))
