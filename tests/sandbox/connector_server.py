"""flytekit's own connector service in a process of its own, with three small connectors that a test steers through files.

``python connector_server.py DIRECTORY PORT``; prints the port when it answers. Jobs of type ``job`` and ``filed`` go on until
the test writes ``DIRECTORY/<number>.state``: ``PHASE message``. A file named ``refuse`` makes creating fail, ``slow`` makes
the answer wait, ``hold`` keeps questions unanswered, ``broken`` makes them fail, ``stuck`` makes deleting fail. What was asked is
appended to ``calls``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import grpc
from flyteidl.core import execution_pb2
from flyteidl.service import agent_pb2_grpc
from flytekit import FlyteContextManager
from flytekit.core.type_engine import TypeEngine
from flytekit.extend.backend import connector_service
from flytekit.extend.backend.base_connector import (
    AsyncConnectorBase,
    ConnectorRegistry,
    Resource,
    ResourceMeta,
    SyncConnectorBase,
)

DIRECTORY = Path(sys.argv[1])
PHASES = execution_pb2.TaskExecution


def note(text: str) -> None:
    with (DIRECTORY / "calls").open("a") as calls:
        calls.write(f"{text}\n")


def jobs() -> int:
    return len(list(DIRECTORY.glob("*.job")))


def number_of(inputs) -> int:
    given = TypeEngine.literal_map_to_kwargs(FlyteContextManager.current_context(), inputs, {"n": int})
    return given.get("n", 0)


def write(prefix: str, outputs) -> None:
    Path(prefix, "outputs.pb").write_bytes(outputs.SerializeToString())


@dataclass
class JobMeta(ResourceMeta):
    number: int
    n: int
    prefix: str


class Jobs(AsyncConnectorBase):
    name = "Jobs"

    def __init__(self, task_type: str, version: int = 0) -> None:
        super().__init__(task_type_name=task_type, task_type_version=version, metadata_type=JobMeta)

    async def create(self, task_template, output_prefix, inputs, task_execution_metadata, **_more) -> JobMeta:
        if (DIRECTORY / "refuse").exists():
            raise ValueError("no quota left")
        number = jobs()
        seen = {
            "name": task_template.id.name,
            "execution": task_execution_metadata.task_execution_id.node_execution_id.execution_id.name,
            "attempt": task_execution_metadata.task_execution_id.retry_attempt,
            "namespace": task_execution_metadata.namespace,
            "labels": dict(task_execution_metadata.labels),
            "env": dict(task_execution_metadata.environment_variables),
            "args": list(task_template.container.args) if task_template.container else [],
        }
        (DIRECTORY / f"{number}.job").write_text(json.dumps(seen))
        note(f"create {number}")
        while (DIRECTORY / "slow").exists():  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(0.02)
        return JobMeta(number, number_of(inputs), output_prefix)

    async def get(self, resource_meta: JobMeta, **_more) -> Resource:
        note(f"get {resource_meta.number}")
        while (DIRECTORY / "hold").exists():  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(0.02)
        if (DIRECTORY / "broken").exists():
            raise ValueError("the warehouse is down")
        state = DIRECTORY / f"{resource_meta.number}.state"
        phase, _, message = (state.read_text() if state.exists() else "RUNNING at work").partition(" ")
        outputs = None
        if phase == "SUCCEEDED":
            outputs = {"o0": resource_meta.n * 2}
            if self.task_category.name == "filed":
                literals = await TypeEngine.dict_to_literal_map_pb(FlyteContextManager.current_context(), outputs)
                write(resource_meta.prefix, literals)
                outputs = None
        link = execution_pb2.TaskLog(uri=f"https://jobs.example/{resource_meta.number}", name="Job")
        return Resource(
            phase=PHASES.Phase.Value(phase),
            message=message,
            log_links=[link],
            outputs=outputs,
            custom_info={"number": resource_meta.number},
        )

    def delete(self, resource_meta: JobMeta, **_more) -> None:
        if (DIRECTORY / "stuck").exists():
            note(f"keep {resource_meta.number}")
            raise ValueError("the warehouse keeps it")
        note(f"delete {resource_meta.number}")


class Ask(SyncConnectorBase):
    name = "Ask"

    def __init__(self) -> None:
        super().__init__(task_type_name="ask")

    def do(self, task_template, output_prefix, inputs=None, **_more) -> Resource:
        note(f"do {task_template.id.name} {bool(output_prefix)}")
        n = number_of(inputs)
        if n < 0:
            return Resource(phase=PHASES.FAILED, message="n is negative")
        return Resource(phase=PHASES.SUCCEEDED, outputs={"o0": n + 1})


async def serve() -> None:
    for connector in (Jobs("job"), Jobs("filed"), Jobs("versioned", 2), Ask()):
        ConnectorRegistry.register(connector)
    server = grpc.aio.server()
    agent_pb2_grpc.add_AsyncAgentServiceServicer_to_server(connector_service.AsyncConnectorService(), server)
    agent_pb2_grpc.add_SyncAgentServiceServicer_to_server(connector_service.SyncConnectorService(), server)
    agent_pb2_grpc.add_AgentMetadataServiceServicer_to_server(connector_service.ConnectorMetadataService(), server)
    port = server.add_insecure_port(f"127.0.0.1:{sys.argv[2]}")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


asyncio.run(serve())
