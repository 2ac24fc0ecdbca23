"""What a person does next, by the kind of a failure."""

from __future__ import annotations

from collections.abc import Mapping

from .kinds import FailureKind

__all__ = ["advice_for"]


def advice_for(kind: FailureKind, *, task: str, node: str) -> str:
    """What to do about it; empty when there is nothing to do.

    Args:
        kind: Of the failure.
        task: What ran in the node, ``"the task"`` where that is not known.
        node: The node to blame.
    """
    return _ADVICE[kind].format(task=task, node=node)


_ADVICE: Mapping[FailureKind, str] = {
    FailureKind.NOTHING: "",
    FailureKind.USER_ERROR: "the code of {task} raised: mend it or its inputs; the same inputs would fail again",
    FailureKind.SERVICE_AWAY: (
        "something that {task} asked was away: launch again when it is back, or give the task retries and raise "
        "FlyteRecoverableException"
    ),
    FailureKind.RETRIES_EXHAUSTED: (
        "{task} asked for another try more often than its retries allow: launch again, or raise retries="
    ),
    FailureKind.OUT_OF_MEMORY: "raise the memory of {task}, requests=Resources(mem=…) and limits too, or give it less at once",
    FailureKind.INTERRUPTED: (
        "the process of {task} was killed, evicted or ended without a word, and Flyte's own retries are used up: "
        "launch again; when it ends the same way each time, look at the end of its log for a crash or a sys.exit"
    ),
    FailureKind.TIMED_OUT: (
        "raise timeout= of {task}, or find out what it waited for: Flyte counts from the start of the node, its wait "
        "for a pod included"
    ),
    FailureKind.GATE_REJECTED: "somebody said no at gate {node}; launch again if that was meant otherwise",
    FailureKind.NO_BRANCH: "no arm of the conditional fits, and its else_() fails by intention: look at the values it compares",
    FailureKind.MISSING_OUTPUT: (
        "{task} ended well and left no outputs: does it write all that its interface declares, to where its arguments"
        " say?"
    ),
    FailureKind.NOT_BOUND: (
        "an input of {node} cannot be had from what stands before it (an attribute, key or index that is not there): "
        "mend the workflow, or what its upstream task returns"
    ),
    FailureKind.BAD_WORKFLOW: "what {task} made or maps over is no workflow that Flyte runs: mend it and register again",
    FailureKind.IMAGE_REFUSED: (
        "the image of {task} cannot be had: is its name right, is it pushed, may the cluster pull it? Then register "
        "again"
    ),
    FailureKind.POD_REFUSED: "the pod of {task} cannot start: look for a secret, volume or service account that is not there",
    FailureKind.CONNECTOR_FAILED: (
        "the job that a connector ran for {task} failed, or the connector cannot be reached: look at the job itself, "
        "then at the connector's log"
    ),
    FailureKind.CHILD_NOT_LAUNCHED: (
        "node {node} starts a run, and Flyte refused it: is the launch plan registered in that version, and do the "
        "inputs fit?"
    ),
    FailureKind.UNSUPPORTED: "this Flyte cannot run {task}; the message says what can",
    FailureKind.ABORTED: "somebody wanted it to end: ask who did before it is launched again",
    FailureKind.SYSTEM: "Flyte broke while it ran this: launch again; when it repeats, show the message to who runs this Flyte",
    FailureKind.UNKNOWN: "Flyte does not say whose fault it was: look at the log and the console",
}
