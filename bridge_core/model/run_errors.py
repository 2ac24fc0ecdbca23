"""Errors that carry a run which has not ended badly: its name was taken, or waiting for it took too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import BridgeError
from .public import public

if TYPE_CHECKING:
    from .ids import RunRef
    from .runs import RunSnapshot

__all__ = ["AlreadyExists", "WaitTimeout"]


@public
class AlreadyExists(BridgeError):
    """The name is taken by something that is not the same.

    Attributes:
        ref: The run that has the name, when a run has it.
        snapshot: What that run was doing when we looked.
        same_entity: Whether the run was launched from the entity that was asked for now.
        differing: Names of the inputs whose values differ, as far as they can be compared.
        burnt: No run has the name, and none can get it any more: a FlyteAdmin died while it stored one. Take the next name.
    """

    ref: RunRef | None = None
    snapshot: RunSnapshot | None = None
    same_entity: bool = False
    differing: tuple[str, ...] = ()
    burnt: bool = False


@public
class WaitTimeout(BridgeError):
    """The caller's patience ended before the run did. The run was not aborted.

    Attributes:
        ref: The run that was waited for.
        snapshot: The last thing known about it, or None when Flyte never answered.
    """

    ref: RunRef | None = None
    snapshot: RunSnapshot | None = None
