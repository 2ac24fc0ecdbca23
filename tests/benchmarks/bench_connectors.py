"""A connector service from a fresh interpreter to its first answer, what it costs in memory, and how many questions it answers:
ours against flytekit's, each with one connector and the same answers.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

import grpc
import psutil
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc

ROUNDS = 5
QUESTIONS = 1500

OURS = """
from dataclasses import dataclass
from bridge_core.connector import AsyncConnector, ConnectorServer, Resource, ResourceMeta

@dataclass(frozen=True)
class Meta(ResourceMeta):
    job: str

class Jobs(AsyncConnector):
    task_type_name, metadata_type = "job", Meta
    async def create(self, **_):
        return Meta("1")
    async def get(self, resource_meta, **_):
        return Resource("running", "at work")
    async def delete(self, resource_meta, **_):
        pass

with ConnectorServer(connectors=[Jobs()]) as server:
    print(server.port, flush=True)
    server.wait()
"""
FLYTEKIT = """
import asyncio
from dataclasses import dataclass
import grpc
from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.service import agent_pb2_grpc
from flytekit.extend.backend import connector_service
from flytekit.extend.backend.base_connector import AsyncConnectorBase, ConnectorRegistry, Resource, ResourceMeta

@dataclass
class Meta(ResourceMeta):
    job: str

class Jobs(AsyncConnectorBase):
    name = "Jobs"
    def __init__(self):
        super().__init__(task_type_name="job", metadata_type=Meta)
    async def create(self, **_):
        return Meta("1")
    async def get(self, resource_meta, **_):
        return Resource(TaskExecution.RUNNING, "at work")
    async def delete(self, resource_meta, **_):
        pass

async def serve():
    ConnectorRegistry.register(Jobs())
    server = grpc.aio.server()
    agent_pb2_grpc.add_AsyncAgentServiceServicer_to_server(connector_service.AsyncConnectorService(), server)
    agent_pb2_grpc.add_AgentMetadataServiceServicer_to_server(connector_service.ConnectorMetadataService(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()

asyncio.run(serve())
"""


def measure(body: str) -> tuple[float, float, float]:
    """Seconds to the first answer, MB resident after it, questions a second."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", body], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            agent_pb2_grpc.AgentMetadataServiceStub(channel).ListAgents(agent_pb2.ListAgentsRequest())
            first = time.perf_counter() - begin
            memory = psutil.Process(process.pid).memory_info().rss / 2**20
            ask = agent_pb2_grpc.AsyncAgentServiceStub(channel).GetTask
            request = agent_pb2.GetTaskRequest(
                task_category=agent_pb2.TaskCategory(name="job"), resource_meta=b'{"job": "1"}'
            )
            begin = time.perf_counter()
            for answer in [ask.future(request) for _ in range(QUESTIONS)]:
                answer.result()
            return first, memory, QUESTIONS / (time.perf_counter() - begin)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    """Prints figures and ratios."""
    for body in (OURS, FLYTEKIT):
        measure(body)  # compiles
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(measure(OURS))
        theirs.append(measure(FLYTEKIT))
    for index, (name, unit) in enumerate((("first answer", "s"), ("resident", "MB"), ("GetTask", "1/s"))):
        mine = statistics.median(one[index] for one in ours)
        other = statistics.median(one[index] for one in theirs)
        print(f"{name:14} ours {mine:9.2f} {unit}, flytekit {other:9.2f} {unit}: {other / mine:.2f} times")


if __name__ == "__main__":
    main()
