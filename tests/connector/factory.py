"""A job service in memory, and connectors for it: good ones, and one for every way to be bad."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field

from flyteidl.admin import agent_pb2
from flyteidl.core import identifier_pb2

from bridge_core import ConnectorTask, InvalidRequest, Unavailable
from bridge_core.connector import (
    AsyncConnector,
    JobLog,
    JobNotFound,
    JobStillRunning,
    LogLine,
    LogToken,
    Resource,
    ResourceMeta,
    SyncConnector,
    TaskPhase,
    connector_secret,
    create_once,
)
from bridge_core.registration.connectors import connector_task_spec


@dataclass
class Factory:
    """The other end: jobs by key, with their phases."""

    jobs: dict[str, TaskPhase] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Job(ResourceMeta):
    key: str
    n: int = 0


class Works(AsyncConnector[Job]):
    """Does everything right."""

    task_type_name = "work"
    metadata_type = Job

    def __init__(self, factory: Factory, **more) -> None:
        super().__init__(**more)
        self.factory = factory

    async def create(self, task_template, output_prefix, inputs, task_execution_metadata, **_):
        jobs = self.factory.jobs

        def make(key: str) -> str:
            with self.factory.lock:
                jobs.setdefault(key, TaskPhase.RUNNING)
            return key

        key = await create_once(
            task_execution_metadata,
            find=lambda key: key if key in jobs else None,
            create=make,
            is_live=lambda key: not jobs[key].is_terminal,
        )
        return Job(key, inputs.get("n", 0))

    async def get(self, resource_meta: Job, **_) -> Resource:
        if resource_meta.key not in self.factory.jobs:
            raise JobNotFound(f"no job {resource_meta.key}")
        phase = self.factory.jobs[resource_meta.key]
        outputs = {"o0": resource_meta.n * 2} if phase is TaskPhase.SUCCEEDED else None
        return Resource(
            phase, "at work", [JobLog("job", "https://jobs.example/1")], outputs, {"key": "value", "num": 1}
        )

    def delete(self, resource_meta: Job) -> None:
        self.factory.deleted.append(resource_meta.key)
        if not self.factory.jobs.get(resource_meta.key, TaskPhase.ABORTED).is_terminal:
            self.factory.jobs[resource_meta.key] = TaskPhase.ABORTED

    async def get_metrics(self, resource_meta: Job, queries=()):
        return {"memory": {"bytes": 12, "asked": list(queries)}}

    async def get_logs(self, resource_meta: Job, lines=0, token=""):
        yield f"{token}foo"
        yield LogLine("bar", originator="system")
        yield LogToken(str(lines))


class Careless(Works):
    """Makes a job at every call, forgets how to delete, and knows every job."""

    task_type_name = "careless"

    async def create(self, task_template, output_prefix, inputs, task_execution_metadata, **_):
        key = str(len(self.factory.jobs))
        self.factory.jobs[key] = TaskPhase.RUNNING
        return Job(key)

    async def get(self, resource_meta: Job, **_) -> Resource:
        return Resource(self.factory.jobs.get(resource_meta.key, TaskPhase.FAILED), outputs={"other": 1})

    def delete(self, resource_meta: Job) -> None:
        if self.factory.jobs.pop(resource_meta.key, None) is None:
            raise ValueError("no such job")


class Bad(AsyncConnector[Job]):
    """Goes wrong in the way that its task type says."""

    metadata_type = Job

    def __init__(self, task_type_name: str) -> None:
        super().__init__(task_type_name=task_type_name, name="Bad")

    def create(self, task_template, output_prefix, inputs, **_):
        if self.task_type_name == "leaks":
            return Job(connector_secret("canary"))
        if self.task_type_name == "returns_text":
            return "job-1"
        return Job("1")

    def get(self, resource_meta: Job) -> Resource:
        kind = self.task_type_name
        if kind == "raises":
            raise RuntimeError(f"the password is {connector_secret('canary')}")
        if kind == "away":
            raise Unavailable("the warehouse does not answer")
        if kind == "sleeps":
            time.sleep(3)
        if kind == "answers_none":
            return None
        if kind == "exits":
            raise SystemExit(3)
        return Resource("done", f"with {connector_secret('canary', default='nothing')}", outputs={"o0": "text"})

    def delete(self, resource_meta: Job) -> None:
        raise ValueError("it does not let go")


class BlocksItsLoop(AsyncConnector[Job]):
    task_type_name = "blocks"
    metadata_type = Job

    async def create(self, task_template, output_prefix, inputs, **_):
        return Job("1")

    async def get(self, resource_meta: Job) -> Resource:
        time.sleep(3)  # noqa: ASYNC251 - what it is here for
        return Resource("running")

    async def delete(self, resource_meta: Job) -> None:
        await asyncio.sleep(3)


class Slow(Works):
    """Creates a job, and says so late."""

    task_type_name = "slow"
    pause = 0.5

    async def create(self, task_template, output_prefix, inputs, task_execution_metadata, **_):
        key = str(len(self.factory.jobs))
        self.factory.jobs[key] = TaskPhase.RUNNING
        await asyncio.sleep(self.pause)
        return Job(key)


class Ask(SyncConnector):
    task_type_name = "ask"

    async def do(self, task_template, output_prefix, inputs, task_execution_metadata) -> Resource:
        assert inputs.literals["n"].scalar.primitive.integer == inputs["n"]
        if inputs["n"] < 0:
            return Resource("failed", "n is negative", error_code="Negative")
        if inputs["n"] == 0:
            return Resource("running")
        return Resource("done", outputs={"o0": inputs["n"] + 1})


def task(task_type: str, **more) -> ConnectorTask:
    more = {"inputs": {"n": int}, "outputs": {"o0": int}, **more}
    return ConnectorTask(name=f"tests.{task_type}", task_type=task_type, **more)


def create_request(task_type: str, *, n: int = 3, run: str = "run1", attempt: int = 0, **more):
    request = agent_pb2.CreateTaskRequest(output_prefix="/tmp/out")
    request.template.CopyFrom(connector_task_spec(task(task_type, **more), runtime="1").template)
    request.inputs.literals["n"].scalar.primitive.integer = n
    if run:
        request.task_execution_metadata.CopyFrom(metadata(run, attempt))
    return request


def metadata(run: str, attempt: int = 0):
    out = agent_pb2.TaskExecutionMetadata(namespace="ns", labels={"a": "b"}, k8s_service_account="sa")
    identifier = out.task_execution_id
    identifier.task_id.CopyFrom(
        identifier_pb2.Identifier(resource_type=identifier_pb2.TASK, project="p", domain="d", name="t", version="v")
    )
    identifier.node_execution_id.node_id = "n0"
    identifier.node_execution_id.execution_id.CopyFrom(
        identifier_pb2.WorkflowExecutionIdentifier(project="p", domain="d", name=run)
    )
    identifier.retry_attempt = attempt
    return out


class Leaky(AsyncConnector[Job]):
    """Has its secret in all that it answers."""

    task_type_name = "leaky"
    metadata_type = Job

    def create(self, task_template, output_prefix, inputs, **_):
        if task_template.config or len(output_prefix) % 2:
            return Job(connector_secret("canary"))
        return Job("1")

    async def get(self, resource_meta: Job) -> Resource:
        secret = connector_secret("canary")
        if resource_meta.key != "1":
            raise InvalidRequest(f"{resource_meta.key}: the password is {secret}")
        return Resource(
            "running", f"with {secret}", [JobLog("log", f"https://x/{secret}")], custom_info={"a": [secret]}
        )

    def delete(self, resource_meta: Job) -> None:
        raise JobStillRunning(f"still there, said {connector_secret('canary')}")

    def get_metrics(self, resource_meta: Job):
        return {"memory": {"of": connector_secret("canary")}}

    def get_logs(self, resource_meta: Job):
        yield f"logged in with {connector_secret('canary')}"
        yield LogLine(connector_secret("canary"))
