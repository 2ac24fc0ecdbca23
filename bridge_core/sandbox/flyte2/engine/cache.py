"""Cache keys and hashes of inputs (``runs/service/utils.go:66-131``, ``dataproxy_service.go:574``).

How inputs arrived decides about the hash, so that the same ones sent inline and offloaded never share outputs.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["cache_key", "inline_hash", "offloaded_hash"]

_FNV_BASIS, _FNV_PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


def inline_hash(inputs: Any, ignored: Iterable[str] = ()) -> str:
    """The hash of inputs that came with the request: no context, no ignored variables."""
    skip = set(ignored)
    digest = hashlib.sha256()
    for literal in inputs.literals:
        if literal.name not in skip:
            digest.update(literal.SerializeToString(deterministic=True))
    return base64.b64encode(digest.digest()).decode()


def offloaded_hash(inputs: Any, ignored: Iterable[str] = ()) -> str:
    """The hash of inputs that are uploaded: all of them with their context, or without both when some are ignored."""
    skip = set(ignored)
    if not skip:
        return _fnv(inputs.SerializeToString(deterministic=True))
    kept = type(inputs)(literals=[literal for literal in inputs.literals if literal.name not in skip])
    return _fnv(kept.SerializeToString(deterministic=True))


def cache_key(inputs_hash: str, template: Any) -> str:
    """The key of a task's outputs; empty when it is not to be cached."""
    if not template.metadata.discoverable:
        return ""
    interface = hashlib.sha256(template.interface.SerializeToString(deterministic=True)).digest()
    digest = hashlib.sha256()
    for part in (
        inputs_hash.encode(),
        template.id.name.encode(),
        interface,
        template.metadata.discovery_version.encode(),
    ):
        digest.update(part)
    return base64.b64encode(digest.digest()).decode()


def _fnv(data: bytes) -> str:
    """FNV-1a of 64 bits, in URL-safe base64 without padding."""
    value = _FNV_BASIS
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & _MASK
    return base64.urlsafe_b64encode(value.to_bytes(8, "big")).rstrip(b"=").decode()
