"""What a connection lets its tasks register, found out by a dry run before anything is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge_core import Client, RegisterRequest

    from ..hooks.flyte import FlyteHook

__all__ = ["check_registration"]


def check_registration(hook: FlyteHook, client: Client, asked: RegisterRequest) -> None:
    """Nothing, if the connection, which was looked up before, allows it. One without limits asks nobody.

    Raises:
        ConfigError: It does not.
        BridgeError: See `Client.register`.
    """
    if hook.limits is None or not hook.limits.limited:
        return
    hook.check_place(asked.project or client.config.project, asked.domain or client.config.domain)
    hook.limits.check_registration(client.register(replace(asked, dry_run=True, progress=None)))
