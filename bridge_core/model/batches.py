"""`BatchRun`: what became of one request among many, and the label that keeps a batch together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .arguments import texts
from .provenance import label_value
from .public import public
from .requests import LaunchRequest

if TYPE_CHECKING:
    from .errors import BridgeError
    from .ids import RunRef
    from .runs import RunSnapshot

__all__ = ["GROUP_LABEL", "BatchRun", "grouped"]

GROUP_LABEL = "flyte-bridge-group"
"""Label that all runs of one batch carry: ``RunQuery(labels={"flyte-bridge-group": …})`` finds them."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRun:
    """What became of one request of `Client.run_many`."""

    number: int
    """Its place among the requests, from 0 on."""
    request: LaunchRequest
    ref: RunRef | None = None
    """Its run; None when it could not be launched."""
    snapshot: RunSnapshot | None = None
    """The run as it ended, well or not; None with an `error`."""
    error: BridgeError | None = None
    """Why there is no snapshot: it could not be launched, or is gone."""


def grouped(request: LaunchRequest, group_name: str | None) -> LaunchRequest:
    """The request with the label of its batch; a name that Kubernetes would refuse is shortened to one that it takes."""
    if group_name is None:
        return request
    texts(group_name=group_name)
    labels = {**(request.options.labels or {}), GROUP_LABEL: label_value(group_name)}
    return replace(request, options=replace(request.options, labels=labels))
