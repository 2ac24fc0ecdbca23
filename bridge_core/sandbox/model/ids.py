"""Names the server makes or checks: executions, unique node ids, keys of entities.

Rules from flyteadmin ``pkg/common/executions.go`` and ``validation/execution_validator.go``, and from flytepropeller
``controller/nodes/common/utils.go`` with flyteplugins ``pluginmachinery/encoding/encoder.go``.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Any

from flyteidl.core import identifier_pb2

from .status import Rejected

__all__ = [
    "END_NODE",
    "GENERATED",
    "START_NODE",
    "check_execution_name",
    "check_node_id",
    "check_project_id",
    "child_execution_name",
    "describe",
    "enum_name",
    "generated_name",
    "kind_name",
    "pod_name",
    "random_text",
    "scheduled_name",
    "shard_of",
    "single_task_node",
    "unique_node_id",
]

START_NODE = "start-node"
END_NODE = "end-node"

GENERATED = ".flytegen."
"""Begins the names of what is made to run a task by itself."""

_NAME_LIMIT = 63
_EXECUTION_NAME = r"[a-z][a-z\-0-9]*"
_UNIQUE_LIMIT = 20
_POD_LIMIT = 50
_SHARDS = "abcdefghijklmnopqrstuvwxyz0123456789"
_GENERATED_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' rand.String: no vowels, nothing that looks alike
_STANDARD_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FLYTE_BASE32 = bytes.maketrans(_STANDARD_BASE32, b"abcdefghijklmnopqrstuvwxyz123456")
_FNV = {32: (0x811C9DC5, 0x01000193), 64: (0xCBF29CE484222325, 0x100000001B3)}


def check_execution_name(name: str) -> None:
    """Refuses a name that FlyteAdmin refuses. It checks the lower-cased text, so ``ABC`` passes (a real trap)."""
    if len(name) > _NAME_LIMIT:
        raise Rejected("INVALID_ARGUMENT", f"size of name exceeded length {_NAME_LIMIT} : {name}")
    lower = name.lower()
    if not re.fullmatch(_EXECUTION_NAME, lower):
        text = f"invalid name format: {lower}, does not match regex '^{_EXECUTION_NAME}$'"
        raise Rejected("INVALID_ARGUMENT", text)


def generated_name() -> str:
    """A name for an execution that was sent without one: ``a`` and 19 random characters."""
    return "a" + random_text(19)


def random_text(length: int) -> str:
    """Characters by chance, as Kubernetes makes them for names."""
    return "".join(secrets.choice(_GENERATED_ALPHABET) for _ in range(length))


def unique_node_id(parent: str | None, attempt: int, node_id: str) -> str:
    """The id of a node execution: the plain id at the top level, ``<parent>-<attempt>-<id>`` below, hashed when long."""
    return node_id if parent is None else _fixed_length(f"{parent}-{attempt}-{node_id}", bits=32)


def child_execution_name(execution: str, node_id: str, attempt: int) -> str:
    """The name of the execution that a launch plan node starts (flytepropeller ``nodes/subworkflow/util.go``, V2)."""
    return _fixed_length(f"{execution}-{node_id}-{attempt}", bits=64)


def pod_name(execution: str, node_id: str, attempt: int, index: int | None = None) -> str:
    """What an attempt is called on a cluster, and its raw outputs (flytepropeller ``nodes/task/taskexec_context.go``).

    Args:
        execution: Name of the execution.
        node_id: Unique id of the node.
        attempt: Number of the attempt.
        index: Of an item of an array, whose own attempt is always 0.
    """
    parts = [execution, node_id] if index is None else [execution, node_id, "0", f"n{index}"]
    return _fixed_length("-".join([*parts, str(attempt)]), bits=32, limit=_POD_LIMIT)


def shard_of(name: str) -> str:
    """The directory of two characters that spreads raw outputs over a bucket (``ioutils/precomputed_shardselector.go``)."""
    number = _fnv(name, 32) % (len(_SHARDS) ** 2)
    return _SHARDS[number // len(_SHARDS)] + _SHARDS[number % len(_SHARDS)]


def scheduled_name(plan: Any, tick: int) -> str:
    """The name of the execution that a schedule makes for a tick in Unix seconds.

    flyteadmin ``scheduler/identifier/identifier.go``: FNV-1 (not 1a), 64 bits, written little-endian into 16 bytes, of whose
    hexadecimal form ``scheduler/executor/executor_impl.go:72`` takes 19 digits.
    """
    value, prime = _FNV[64]
    for byte in f"{plan.project}:{plan.domain}:{plan.name}:{plan.version}:{tick}".encode():
        value = ((value * prime) & ((1 << 64) - 1)) ^ byte
    return "f" + (value.to_bytes(8, "little") + bytes(8)).hex()[:19]


def single_task_node(task_name: str) -> str:
    """The id of the only node of a single-task execution (flyteadmin ``util/single_task_execution.go``)."""
    return re.sub(r"[^-A-Za-z0-9]", "", task_name)[-_NAME_LIMIT:]


def kind_name(resource_type: int) -> str:
    """A resource type for messages; also one that does not exist."""
    return enum_name(identifier_pb2.ResourceType, resource_type)


def enum_name(enum: Any, number: int) -> str:
    """The name of a number of an enum, or the number: proto3 lets clients and tasks send any."""
    return str(enum.Name(number)) if number in enum.values() else str(number)


def check_node_id(node_id: str) -> None:
    """Refuses an id that could not be a directory of its own. Longer than a label: flytekit names the inside of a map so."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", node_id) or node_id in (".", ".."):
        raise Rejected(
            "INVALID_ARGUMENT", f"invalid node id {node_id[:100]!r}: letters, digits, '-', '_' and '.', up to 200"
        )


def check_project_id(project: str) -> None:
    """Refuses a project id that is no DNS label (flyteadmin ``validation/project_validator.go``)."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", project):
        raise Rejected("INVALID_ARGUMENT", f"invalid project id [{project[:100]}]: a DNS-1123 label is wanted")


def describe(identifier: Any) -> str:
    """A `core.Identifier` as text for messages."""
    return f"{identifier.project}/{identifier.domain}/{identifier.name}@{identifier.version}"


def _fixed_length(text: str, *, bits: int, limit: int = _UNIQUE_LIMIT) -> str:
    if len(text) <= limit:
        return text
    value = _fnv(text, bits)
    digest = base64.b32encode(value.to_bytes(bits // 8, "big")).rstrip(b"=")
    return "f" + digest.translate(_FLYTE_BASE32).decode()


def _fnv(text: str, bits: int) -> int:
    """FNV-1a."""
    value, prime = _FNV[bits]
    for byte in text.encode():
        value = ((value ^ byte) * prime) & ((1 << bits) - 1)
    return value
