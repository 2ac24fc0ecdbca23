"""`explain` names the right node and the right kind, whatever a run failed of."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox.protos import INTEGER, Wire, add_node, gate_workflow, literals, new_workflow, shell_task, unique
from sandbox.test_engine import nodes_of
from sandbox.test_processes import wait_until

from bridge_core import (
    AsyncClient,
    Client,
    FailureKind,
    InvalidRequest,
    RunError,
    RunNotFound,
    RunPhase,
    RunRef,
    RunSnapshot,
)
from bridge_core.cli.main import main
from bridge_core.diagnosis.kinds import kind_of
from bridge_core.sandbox import Sandbox

from .failures import FAILURES, Failing, raising

POD = (
    "Pod failed. No message received from kubernetes.\r\n[p] terminated with exit code ({}). Reason [{}]. Message: \nx."
)


def ref_of(run: object) -> RunRef:
    return RunRef(run.project, run.domain, run.name)  # type: ignore[attr-defined]


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
def test_node_and_kind_of_a_failure(
    sandbox: Sandbox, wire: Wire, client: Client, tmp_path: Path, fail: Callable[[Sandbox, Wire, Path], Failing]
) -> None:
    expected = fail(sandbox, wire, tmp_path)
    ref = ref_of(expected.run)
    found = client.explain(ref)
    assert (found.kind, found.node, found.items) == (expected.kind, expected.node, expected.items)
    assert found.snapshot.ref == ref
    assert (found.run != ref) is expected.in_child
    assert expected.says in found.text
    assert found.unknown == ()
    assert found.advice
    assert set(expected.waits) <= {wait.reason for wait in found.waits}
    if expected.attempts is not None:
        assert len(found.attempts) == expected.attempts
    first, *rest = found.text.splitlines()
    assert first == client.describe(ref).describe(), "the sentence that everybody knows comes first"
    assert f"what: {expected.kind.value}" in rest[0]
    assert pickle.loads(pickle.dumps(found)) == found
    assert json.loads(json.dumps(found.to_dict()))["kind"] == expected.kind.value


def test_there_are_kinds_enough() -> None:
    assert len(FAILURES) >= 15


def test_the_end_of_a_traceback_and_the_attempts(sandbox: Sandbox, wire: Wire, client: Client, tmp_path: Path) -> None:
    task = shell_task(unique("train"), raising(tmp_path, "ValueError: no rows"))
    template = new_workflow(unique("wf"))
    add_node(template, "n0", task)
    found = client.explain(ref_of(wire.run(wire.register(template, tasks=[task])).id))
    assert [line.strip() for line in found.traceback] == [
        "Traceback (most recent call last):",
        'File "/root/work.py", line 7, in train',
        "return ValueError: no rows",
        "ValueError: no rows",
    ]
    assert (found.code, found.error and found.error.cause_kind) == ("USER:ValueError", "USER")
    assert [attempt.number for attempt in found.attempts] == [0]
    assert found.task is not None
    assert found.task.name == task.id.name
    assert f"the code of task {task.id.name} raised" in found.advice


def test_inputs_that_differ_from_the_last_success(wire: Wire, client: Client, tmp_path: Path) -> None:
    script = f'test "{{{{.inputs.n}}}}" = 1 || {raising(tmp_path, "ValueError: two")}'
    task = shell_task(unique("task"), script, {"n": INTEGER, "m": INTEGER})
    template = new_workflow(unique("wf"), {"n": INTEGER, "m": INTEGER})
    add_node(template, "n0", task, n=("", "n"), m=("", "m"))
    target = wire.register(template, tasks=[task])
    lonely = ref_of(wire.run(target, literals(n=2, m=3)).id)
    assert client.explain(lonely).last_success is None
    good = ref_of(wire.run(target, literals(n=1, m=3)).id)
    bad = ref_of(wire.run(target, literals(n=2, m=3)).id)
    found = client.explain(bad)
    assert (found.last_success, found.differing_inputs) == (good, ("n",))
    assert f"inputs that differ from {good}, which succeeded: n" in found.text
    assert client.explain(bad, compare_inputs=False).last_success is None
    # Of a task that was launched by itself as well.
    good = ref_of(wire.run(task.id, literals(n=1, m=3)).id)
    found = client.explain(ref_of(wire.run(task.id, literals(n=2, m=4)).id))
    assert (found.last_success, found.differing_inputs) == (good, ("m", "n"))


def test_what_a_run_that_goes_on_waits_for(wire: Wire, client: Client) -> None:
    run = wire.launch(gate_workflow(wire), inputs=literals(n=1))
    wait_until(lambda: "n0" in nodes_of(wire, run))
    found = client.explain(ref_of(run))
    assert (found.kind, found.node) == (FailureKind.NOTHING, "n0")
    assert [wait.reason for wait in found.waits] == ["gate"]
    wire.terminate(run)


def test_a_run_that_succeeded_has_nothing_to_explain(wire: Wire, client: Client) -> None:
    task = shell_task(unique("good"), "true")
    wire.register_task(task)
    found = client.explain(ref_of(wire.run(task.id).id))
    assert (found.kind, found.node, found.advice) == (FailureKind.NOTHING, None, "")


def test_what_cannot_be_asked_is_told_and_is_no_error(
    sandbox: Sandbox, wire: Wire, client: Client, tmp_path: Path
) -> None:
    task = shell_task(unique("bad"), raising(tmp_path, "ValueError: x"))
    template = new_workflow(unique("wf"))
    add_node(template, "n0", task)
    ref = ref_of(wire.run(wire.register(template, tasks=[task])).id)
    snapshot = client.describe(ref)
    try:
        sandbox.faults.fail("ListNodeExecutions", code="PERMISSION_DENIED", times=9)
        found = client.explain(snapshot)
        assert (found.kind, found.node) == (FailureKind.USER_ERROR, "n0"), "the run itself told as much"
        assert len(found.unknown) == 1
        assert found.unknown[0].startswith("which node failed: ")
    finally:
        sandbox.faults.clear()
    with pytest.raises(RunNotFound):
        client.explain(RunRef(ref.project, ref.domain, "nosuch"))
    with pytest.raises(InvalidRequest, match="run: wanted a RunRef"):
        client.explain(3)  # type: ignore[arg-type]


def test_a_snapshot_saves_the_question_for_it(sandbox: Sandbox, wire: Wire, client: Client, tmp_path: Path) -> None:
    task = shell_task(unique("bad"), raising(tmp_path, "ValueError: x"))
    template = new_workflow(unique("wf"))
    add_node(template, "n0", task)
    ref = ref_of(wire.run(wire.register(template, tasks=[task])).id)
    snapshot = client.describe(ref)

    async def asked() -> str:
        async with AsyncClient(sandbox.config()) as flyte:
            return (await flyte.explain(snapshot, compare_inputs=False)).text

    assert asyncio.run(asked()) == client.explain(ref, compare_inputs=False).text


def test_the_command(sandbox: Sandbox, wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = shell_task(unique("bad"), raising(tmp_path, "ValueError: x"))
    template = new_workflow(unique("wf"))
    add_node(template, "n0", task)
    ref = ref_of(wire.run(wire.register(template, tasks=[task])).id)
    place = ["--endpoint", sandbox.endpoint, "--insecure"]
    assert main(["explain", str(ref), *place]) == 0
    shown = capsys.readouterr().out
    assert "what: user error (code USER:ValueError) in node n0" in shown
    assert main(["explain", str(ref), *place, "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["node"], told["text"]) == ("user error", "n0", shown.rstrip("\n"))


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (
            "ContainersNotReady|ImagePullBackOff",
            "containers with unready status: [x]|Back-off",
            FailureKind.IMAGE_REFUSED,
        ),
        ("", '[0]: Grace period [3m0s] exceeded|[ErrImagePull] no such image "x"', FailureKind.IMAGE_REFUSED),
        ("CreateContainerConfigError", 'secret "s" not found', FailureKind.POD_REFUSED),
        ("RuntimeExecutionError", "cannot launch 'p': it has no input 'n'", FailureKind.CHILD_NOT_LAUNCHED),
        (
            "",
            f"[1]: [2/2] currentAttempt done. Last Error: USER::{POD.format(137, 'OOMKilled')}",
            FailureKind.OUT_OF_MEMORY,
        ),
        ("", f"[1]: [3/3] currentAttempt done. Last Error: SYSTEM::{POD.format(5, 'Error')}", FailureKind.INTERRUPTED),
        ("DynamicWorkflowBuildFailed", "[User] malformed", FailureKind.BAD_WORKFLOW),
        ("SandboxError", "cannot run", FailureKind.UNKNOWN),
    ],
)
def test_kinds_by_what_flytes_engine_says(code: str, message: str, kind: FailureKind) -> None:
    assert kind_of("FAILED", RunError(code=code, message=message, kind="UNKNOWN")) is kind


def test_kinds_without_a_word() -> None:
    assert kind_of(RunPhase.TIMED_OUT, None) is FailureKind.TIMED_OUT
    assert kind_of(RunPhase.FAILED, None) is FailureKind.UNKNOWN
    assert kind_of(RunPhase.ABORTED, RunError(code="x", message="")) is FailureKind.ABORTED


def test_snapshots_of_nothing(client: Client) -> None:
    """Of a run that nobody has: the nodes cannot be asked, and what the snapshot says stays."""
    ghost = RunSnapshot(ref=RunRef("flytesnacks", "development", "ghost"), phase=RunPhase.FAILED)
    found = client.explain(ghost)
    assert (found.kind, found.node) == (FailureKind.UNKNOWN, None)
    assert "no run flytesnacks/development/ghost" in found.unknown[0]
