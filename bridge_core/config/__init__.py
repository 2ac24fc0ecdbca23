"""Everything needed to reach one Flyte, and where each setting came from."""

from __future__ import annotations

from .model import Config

__all__ = ["Config"]
