"""The task cache: what makes two task runs the same (flytepropeller ``pkg/controller/nodes/catalog/datacatalog/transformer.go``).

Project, domain and name of the task, its cache version, its interface, and its inputs; not the task's version. A literal
that carries a hash counts as that hash.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from flyteidl.core import catalog_pb2, identifier_pb2

__all__ = ["CacheUse", "cache_key", "catalog_metadata", "with_source"]


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Whether cacheable tasks look into the cache, for all runs; a run's ``overwrite_cache`` does the same for one."""

    enabled: bool = True
    overwrite: bool = False
    """Run the task again, and replace what the cache holds."""


def cache_key(task: Any, inputs: Any) -> str:
    """The key under which outputs are found again."""
    digest = hashlib.sha256()
    identity = [task.id.project, task.id.domain, task.id.name, task.metadata.discovery_version]
    for part in [*identity, _types(task.interface.inputs), _types(task.interface.outputs)]:
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(b"%d:%s" % (len(data), data))
    for name in sorted(set(inputs.literals) - set(task.metadata.cache_ignore_input_vars)):
        value = _identity(inputs.literals[name])
        digest.update(b"%s=%d:%s" % (name.encode(), len(value), value))
    return digest.hexdigest()


def catalog_metadata(task: Any, key: str) -> Any:
    """Where outputs are in the catalog; who put them there is told only on a hit (``catalog/datacatalog/transformer.go``)."""
    metadata = catalog_pb2.CatalogMetadata()
    dataset = metadata.dataset_id
    dataset.CopyFrom(task.id)
    dataset.resource_type = identifier_pb2.DATASET
    dataset.name = f"flyte_task-{task.id.name}"
    signature = "-".join(_short_hash(_types(one)) for one in (task.interface.inputs, task.interface.outputs))
    dataset.version = f"{task.metadata.discovery_version}-{signature}"
    metadata.artifact_tag.artifact_id = str(uuid.uuid5(uuid.NAMESPACE_OID, key))
    metadata.artifact_tag.name = f"flyte_cached-{_short_hash(key.encode(), 43)}"
    return metadata


def with_source(metadata: Any, task: Any, node: Any, attempt: int) -> Any:
    """The same, with the attempt that put the outputs there."""
    whole = catalog_pb2.CatalogMetadata()
    whole.CopyFrom(metadata)
    source = whole.source_task_execution
    source.task_id.CopyFrom(task.id)
    source.node_execution_id.CopyFrom(node)
    source.retry_attempt = attempt
    return whole


def _short_hash(data: bytes, length: int = 8) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:length]


def _types(variables: Any) -> bytes:
    """Types of an interface without descriptions: editing a docstring does not empty the cache."""
    items = sorted(variables.variables.items())
    return b"".join(
        b"%s:%s;" % (name.encode(), variable.type.SerializeToString(deterministic=True)) for name, variable in items
    )


def _identity(literal: Any) -> bytes:
    if literal.hash:
        return bytes(literal.hash.encode())
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return b"[" + b",".join(_identity(item) for item in literal.collection.literals) + b"]"
    if kind == "map":
        entries = literal.map.literals
        return b"{" + b",".join(key.encode() + b":" + _identity(entries[key]) for key in sorted(entries)) + b"}"
    return bytes(literal.SerializeToString(deterministic=True))
