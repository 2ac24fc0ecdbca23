"""Literals that were too big to be sent inline: Flyte stores them and sends a URI instead.

Fetching is somebody else's job (this package does no I/O): find the URIs, fetch a `Literal` for each, put them in place.
An offloaded literal may itself hold offloaded ones, so callers repeat until none is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyteidl.core.literals_pb2 import Literal, LiteralMap

from .encoded import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["offloaded_uris", "replace_offloaded"]


def offloaded_uris(literals: LiteralMap) -> tuple[str, ...]:
    """Every URI that has to be fetched, once each, sorted."""
    found = {
        leaf.offloaded_metadata.uri
        for literal in literals.literals.values()
        for leaf in walk(literal)
        if leaf.WhichOneof("value") == "offloaded_metadata"
    }
    return tuple(sorted(found))


def replace_offloaded(literals: LiteralMap, fetched: Mapping[str, Literal]) -> LiteralMap:
    """A new map with the fetched literals in place; those not fetched stay offloaded. Hash and metadata are kept."""
    out = LiteralMap()
    out.CopyFrom(literals)
    for literal in out.literals.values():
        for leaf in list(walk(literal)):
            if leaf.WhichOneof("value") != "offloaded_metadata":
                continue
            found = fetched.get(leaf.offloaded_metadata.uri)
            if found is not None:
                kept, metadata = leaf.hash, dict(leaf.metadata)
                leaf.CopyFrom(found)
                leaf.hash = kept or leaf.hash
                leaf.metadata.update(metadata)
    return out
