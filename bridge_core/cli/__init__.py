"""``flyte-bridge``: the verbs on a command line. The composition root: the only room that may import any other."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
