"""Runs what a real FlytePropeller ran once more, in the sandbox, and says what came out in the recording's terms.

A case is a run: what was launched and how, what somebody did to it meanwhile, and what was there afterwards. Of the
recording only facts are used that do not change from run to run: no times, no addresses, no traces of Python.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from flyteidl.admin import execution_pb2, node_execution_pb2, signal_pb2, task_execution_pb2
from flyteidl.core import catalog_pb2, identifier_pb2, literals_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from google.protobuf import json_format

RECORDED = Path(__file__).parent / "recorded"
WORKFLOWS = RECORDED / "workflows"
VERSION = "v2"
DEADLINE = 150.0
_PHASE = core_execution_pb2.WorkflowExecution.Phase
_ENDED = {"SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"}
_GOING = {"RUNNING", "DYNAMIC_RUNNING"}
_AT_ONCE = 8
# The workflow `long` sleeps 120 s on purpose; where it must come to its end here, it sleeps for a moment (sitecustomize).
_SHORTENED = {"x_delete": "0.02"}
_PODS = {"STUB_OOM": "oom", "STUB_EVICT": "eviction", "STUB_SHUTDOWN": "shutdown"}
_EXITS = {"STUB_137": 137, "STUB_143": 143}


@dataclass(frozen=True)
class Case:
    """One run of the recording."""

    name: str
    workflow: str
    real: dict[str, Any] = field(repr=False)

    @property
    def execution(self) -> str:
        """Its name there: names of children are made from it."""
        return "h10-" + self.name.replace("_", "-")

    @property
    def spec(self) -> dict[str, Any]:
        """What was launched, and how."""
        return self.real["execution"]["spec"]

    @property
    def reference(self) -> str:
        """The execution that it relaunches or recovers, if it does."""
        return self.spec.get("metadata", {}).get("reference_execution", {}).get("name", "")

    @property
    def inputs(self) -> dict[str, Any]:
        """What the start node put out."""
        return next(node["outputs"] for node in self.real["nodes"] if node["id"] == "start-node")


def recording() -> dict[str, Any]:
    """All of it."""
    with gzip.open(RECORDED / "flytepropeller-1.16.8.json.gz") as file:
        return json.load(file)


def cases() -> list[Case]:
    """The runs, in the order they were made."""
    return [Case(one["case"], one["workflow"], one["real"]) for one in recording()["cases"]]


@dataclass(frozen=True)
class Seen:
    """What became of a run, comparable."""

    run: tuple[str, str, str]
    """Phase, error code, error kind."""
    message: str
    tree: Counter[tuple[Any, ...]]
    """(id, spec node, parent, phase, is_parent, is_dynamic, is_array, cache status) of every node."""
    attempts: Counter[tuple[Any, ...]]
    """(node, attempt, phase, error code, error kind) of every task execution."""
    outputs: Any
    children: Counter[tuple[str, ...]]
    """Names of the executions that it started."""


def seen_there(case: Case) -> Seen:
    """What the real one made of it."""
    real = case.real
    return _seen(real["execution"], real["nodes"], real["outputs"], [child["name"] for child in real["children"]])


def _seen(execution: dict[str, Any], nodes: list[Any], outputs: Any, children: list[str]) -> Seen:
    closure = execution["closure"]
    error = closure.get("error", {})
    tree: Counter[tuple[Any, ...]] = Counter()
    attempts: Counter[tuple[Any, ...]] = Counter()

    def walk(nodes: list[Any], parent: str) -> None:
        for node in nodes:
            own, metadata = node["closure"], node["metadata"]
            flags = [bool(metadata.get(flag)) for flag in ("is_parent_node", "is_dynamic", "is_array")]
            cache = own.get("task_node_metadata", {}).get("cache_status", "CACHE_DISABLED")
            tree[node["id"], metadata.get("spec_node_id"), parent, own.get("phase"), *flags, cache] += 1
            for task in node["tasks"]:
                failed = task["closure"].get("error", {})
                attempts[
                    node["id"],
                    task["retry_attempt"],
                    task["closure"].get("phase"),
                    failed.get("code", ""),
                    failed.get("kind", "UNKNOWN") if failed else "",
                ] += 1
            walk(node["children"], node["id"])

    walk(nodes, "")
    return Seen(
        run=(closure.get("phase", "UNDEFINED"), error.get("code", ""), error.get("kind", "UNKNOWN") if error else ""),
        message=normal_message(error.get("message", "")),
        tree=tree,
        attempts=attempts,
        outputs=normal(outputs),
        children=Counter((name,) for name in children),
    )


def normal_message(text: str) -> str:
    """A message without what differs from machine to machine: traces and log lines."""
    text = re.sub(r"Trace:\n\n.*?\n\nMessage:", "Trace:\n\n<traceback by flytekit>\n\nMessage:", text, flags=re.DOTALL)
    return re.sub(r"(Reason \[\w*\]\. Message: \n).*", r"\1<log lines>", text, flags=re.DOTALL)


def normal(value: Any, key: str = "") -> Any:
    """A value of protobuf's JSON without addresses, moments, and directories."""
    if isinstance(value, dict):
        return {name: normal(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if key == "uri":
        return "<uri>/" + value.rstrip("/").rpartition("/")[2]
    if key == "float_value" and isinstance(value, float) and value > 1e9:
        return "<moment>"
    if key == "string_value" and isinstance(value, str) and value.startswith("{"):
        return _environment(json.loads(value))
    return value


def _environment(told: dict[str, Any]) -> dict[str, Any]:
    """What a task told of its surroundings: names of variables, values of those that name the run."""
    variables = told.get("env", {})
    return {
        "env": {
            name: variables[name]
            for name in sorted(variables)
            if name.startswith(("FLYTE_INTERNAL_", "FLYTE_ATTEMPT", "FLYTE_K8S", "BATCH")) and "VERSION" not in name
        },
        "platform": sorted(name for name in variables if name.startswith(("FLYTE_PLATFORM", "FLYTE_EXECUTION"))),
        "raw": re.sub(r".*/", "", told["raw"]),
        "ckpt": re.sub(r".*/(?=[^/]*/_flyte)", "", told["ckpt"]),
        "prev": told["prev"],
        "execution_id": told["execution_id"],
        "task_id": told["task_id"].rpartition(":")[0],
    }


class Replay:
    """Runs cases in one sandbox.

    Args:
        sandbox: A started one, in which the workflows are registered.
        wire: A connection to it.
    """

    def __init__(self, sandbox: Any, wire: Any) -> None:
        self._sandbox = sandbox
        self._wire = wire
        self._all = {case.execution: case for case in cases()}

    def run(self, wanted: list[Case]) -> dict[str, Seen | Exception]:
        """What became of each case. Those that need another one, or its cache, run one after the other, as they did there."""
        chains: dict[str, list[Case]] = {}
        for case in wanted:
            key = case.workflow if "cache" in case.name else case.reference or case.execution
            chains.setdefault(key, []).append(case)
        results: dict[str, Seen | Exception] = {}

        def work(chain: list[Case]) -> None:
            for case in chain:
                try:
                    results[case.name] = self.one(case)
                except (AssertionError, grpc.RpcError) as error:
                    results[case.name] = error

        # The longest first.
        ordered = sorted(chains.values(), key=lambda chain: -sum(_seconds(case) for case in chain))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(work, ordered))
        return results

    def one(self, case: Case) -> Seen:
        """Launches a case, does what was done to it, waits for its end and reads what is there."""
        identifier = _execution(case.execution)
        if case.reference:
            self._ensure(case)
        self._arrange(case)
        self._launch(case)
        self._act(case, identifier)
        self._wait(identifier)
        return self._read(identifier)

    def _ensure(self, case: Case) -> None:
        """The run that is to be relaunched or recovered; of some the recording has only the name."""
        identifier = _execution(case.reference)
        try:
            self._wire.admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=identifier))
        except grpc.RpcError:
            self._create(case.reference, case, {})
        self._wait(identifier)

    def _arrange(self, case: Case) -> None:
        """What happened to the pods there."""
        names = {pair["key"] for pair in case.spec.get("envs", {}).get("values", [])}
        for name, what in _PODS.items():
            if name in names:
                self._sandbox.faults.kill_task(what, execution=case.execution)
        for name, code in _EXITS.items():
            if name in names:
                self._sandbox.faults.kill_task("exit", exit_code=code, execution=case.execution)
        if case.name == "x_delete":
            self._sandbox.faults.kill_task("deletion", execution=case.execution, node="n1", times=1)

    def _launch(self, case: Case) -> None:
        mode = case.spec.get("metadata", {}).get("mode")
        if mode == "RECOVERED":
            request = execution_pb2.ExecutionRecoverRequest(id=_execution(case.reference), name=case.execution)
            self._wire.admin.RecoverExecution(request)
        elif mode == "RELAUNCH":
            request = execution_pb2.ExecutionRelaunchRequest(id=_execution(case.reference), name=case.execution)
            self._wire.admin.RelaunchExecution(request)
        else:
            self._create(case.execution, case, case.spec)

    def _create(self, name: str, case: Case, spec: dict[str, Any]) -> None:
        request = execution_pb2.ExecutionCreateRequest(project="flytesnacks", domain="development", name=name)
        plan = {**case.spec["launch_plan"], "version": VERSION}
        json_format.ParseDict(plan, request.spec.launch_plan)
        json_format.ParseDict(case.inputs, request.inputs)
        json_format.ParseDict({"values": spec.get("envs", {}).get("values", [])}, request.spec.envs)
        if case.name in _SHORTENED:
            request.spec.envs.values.add(key="FLYTE_SDK_REPLAY_SLEEP", value=_SHORTENED[case.name])
        request.spec.overwrite_cache = spec.get("overwrite_cache", False)
        if "interruptible" in spec:
            request.spec.interruptible.value = spec["interruptible"]
        if spec.get("max_parallelism") not in (None, 25):
            request.spec.max_parallelism = spec["max_parallelism"]
        self._wire.admin.CreateExecution(request)

    def _act(self, case: Case, identifier: Any) -> None:
        act = case.real["act"]
        if act == "OK":
            self._signal(case, identifier)
        elif act is not None:
            self._until_as_far(case, identifier)
            cause = case.real["execution"]["closure"]["abort_metadata"]["cause"]
            self._wire.admin.TerminateExecution(
                execution_pb2.ExecutionTerminateRequest(id=identifier, cause=cause),
            )

    def _signal(self, case: Case, identifier: Any) -> None:
        request = signal_pb2.SignalListRequest(workflow_execution_id=identifier, limit=10)
        signal = _awaited(lambda: next(iter(self._wire.signals.ListSignals(request).signals), None), "a signal")
        if case.name.startswith("approve"):
            value = {"scalar": {"primitive": {"boolean": case.real["execution"]["closure"]["phase"] == "SUCCEEDED"}}}
        else:
            gates = (n for n in case.real["nodes"] if n["id"] == "n0")
            value = next(iter(next(gates)["outputs"]["literals"].values()))
        literal = json_format.ParseDict(value, literals_pb2.Literal())
        self._wire.signals.SetSignal(signal_pb2.SignalSetRequest(id=signal.id, value=literal))

    def _until_as_far(self, case: Case, identifier: Any) -> None:
        """Waits until everything runs that was stopped there."""
        wanted = {key[0] for key in seen_there(case).tree if key[3] == "ABORTED"}
        tasks = {key[0] for key in seen_there(case).attempts if key[2] == "ABORTED"}

        def far() -> bool:
            nodes = list(self._nodes(identifier, ""))
            going = {node["id"] for node in nodes if node["closure"].get("phase") in _GOING}
            at_work = {n["id"] for n in nodes if any(t["closure"].get("phase") == "RUNNING" for t in n["tasks"])}
            return wanted <= going and tasks <= at_work

        _awaited(far, f"{case.name} as far as it came there")

    def _wait(self, identifier: Any) -> None:
        request = execution_pb2.WorkflowExecutionGetRequest(id=identifier)

        def ended() -> bool:
            return _PHASE.Name(self._wire.admin.GetExecution(request).closure.phase) in _ENDED

        _awaited(ended, f"{identifier.name} to end")

    def _read(self, identifier: Any) -> Seen:
        execution = self._wire.admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=identifier))
        data = self._wire.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=identifier))
        nodes = [node for node in self._nodes(identifier, "") if not node["parent"]]
        children: list[str] = []
        for node in self._nodes(identifier, ""):
            child = node["closure"].get("workflow_node_metadata", {}).get("executionId")
            children += [child["name"]] if child else []
        return _seen(_plain(execution), nodes, _plain(data.full_outputs), children)

    def _nodes(self, identifier: Any, parent: str) -> Any:
        """All nodes, each with its children inside."""
        request = node_execution_pb2.NodeExecutionListRequest(
            workflow_execution_id=identifier, limit=1000, unique_parent_id=parent
        )
        for message in self._wire.admin.ListNodeExecutions(request).node_executions:
            listed = task_execution_pb2.TaskExecutionListRequest(node_execution_id=message.id, limit=1000)
            tasks = self._wire.admin.ListTaskExecutions(listed).task_executions
            below = list(self._nodes(identifier, message.id.node_id))
            node = {
                **_plain(message),
                "id": message.id.node_id,
                "parent": parent,
                "children": [one for one in below if one["parent"] == message.id.node_id],
                "tasks": [{**_plain(task), "retry_attempt": task.id.retry_attempt} for task in tasks],
            }
            cache = message.closure.task_node_metadata.cache_status
            if cache:
                node["closure"]["task_node_metadata"]["cache_status"] = catalog_pb2.CatalogCacheStatus.Name(cache)
            yield node
            yield from below


def _seconds(case: Case) -> float:
    """How long it took there."""
    return float(case.real["execution"]["closure"].get("duration", "0s").removesuffix("s"))


def _execution(name: str) -> Any:
    return identifier_pb2.WorkflowExecutionIdentifier(project="flytesnacks", domain="development", name=name)


def _plain(message: Any) -> dict[str, Any]:
    plain = json_format.MessageToDict(message, preserving_proto_field_name=True)
    plain.setdefault("metadata", {}) if hasattr(message, "metadata") else None
    return plain


def _awaited(look: Any, what: str) -> Any:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {DEADLINE} s in vain for {what}")
