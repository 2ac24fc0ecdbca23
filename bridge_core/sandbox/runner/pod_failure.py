"""What FlytePropeller makes of a pod that failed (flyteplugins ``flytek8s/pod_helper.go``: DemystifyFailure).

A process that ends without saying why is no fault of the user's there: without a reason from the kubelet it counts as an
interruption, which the system retries by itself. Only a container that used too much memory is.
"""

from __future__ import annotations

from dataclasses import dataclass

from flyteidl.core import execution_pb2

from ..model.outcome import Failure

__all__ = ["INTERRUPTED", "PodEnd", "failure_of", "vanished"]

INTERRUPTED = "Interrupted"
_OOM = "OOMKilled"
_SIGKILL = frozenset({137, 247})  # 128 + 9, and what a wrapper in Python makes of -9
_NODE_GONE = frozenset({"Shutdown", "Terminated", "NodeShutdown", "NodeAffinity"})
_USER, _SYSTEM = execution_pb2.ExecutionError.USER, execution_pb2.ExecutionError.SYSTEM


@dataclass(frozen=True, slots=True)
class PodEnd:
    """How a kubelet reports a pod that failed."""

    exit_code: int
    container_reason: str = "Error"
    pod_reason: str = ""
    pod_message: str = ""


def failure_of(pod: str, end: PodEnd, log: str) -> Failure:
    """The failure of an attempt whose pod failed.

    Args:
        pod: Its name, and its container's.
        end: How it ended.
        log: The end of its log: the container's termination message.
    """
    message = end.pod_message or "Pod failed. No message received from kubernetes."
    system = end.pod_reason in _NODE_GONE
    code = end.pod_reason or "UnknownError"
    if _OOM in end.container_reason:
        code = _OOM
    elif end.exit_code in _SIGKILL:
        code, system = INTERRUPTED, True
    if end.exit_code == 0:
        message += f"\r\n[{pod}] terminated with ExitCode 0."
    else:
        message += f"\r\n[{pod}] terminated with exit code ({end.exit_code}). Reason [{end.container_reason}]. Message: \n{log}."
    if system or code == "UnknownError":
        return Failure(INTERRUPTED, message, kind=_SYSTEM, recoverable=True)
    return Failure(code, message, kind=_USER, recoverable=True)


def vanished(namespace: str, pod: str) -> Failure:
    """The failure of an attempt whose pod somebody deleted (``nodes/task/k8s/plugin_manager.go``)."""
    message = f'resource not found, name [{namespace}/{pod}]. reason: pods "{pod}" not found'
    return Failure("ResourceDeletedExternally", message, kind=_SYSTEM, recoverable=True)
