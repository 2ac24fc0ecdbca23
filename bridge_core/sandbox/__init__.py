"""An embedded Flyte 1 for one machine: registered workflows run as local processes, real clients connect unchanged.

For trying things out and for tests. It is not a cluster and runs code with the rights of whoever started it, so it
listens on 127.0.0.1 only. Importing this package loads nothing: grpc and the generated stubs come with `Sandbox`.

Not there, and refused by name rather than pretended: plugins of a cluster, tasks of types that no configured connector runs, raw
containers whose image is not mapped to a local command. Kept in records but without effect on one machine:
images, resources, interruptible, notifications, service accounts. More in docs/sandbox.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import Auth, DirectoryTaken, DirectoryUnusable, PortTaken, Sandbox

__all__ = ["Auth", "DirectoryTaken", "DirectoryUnusable", "PortTaken", "Sandbox"]


def __getattr__(name: str) -> Any:
    """Loads the server half on first use (PEP 562)."""
    if name in __all__:
        from . import app

        return getattr(app, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
