"""References inside a JSON schema. Apart from `json_schema`, because texts are read by them where nothing is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["resolve"]


def resolve(root: Mapping[str, Any], node: Any) -> Mapping[str, Any]:
    """The node a ``$ref`` leads to, or the node itself; an empty one when the reference leads nowhere."""
    for _ in range(20):
        if not isinstance(node, Mapping):
            return {}
        ref = node.get("$ref")
        if not isinstance(ref, str):
            return node
        node = root
        for key in ref.removeprefix("#").strip("/").split("/"):
            node = node.get(key, {}) if isinstance(node, Mapping) else {}
    return {}
