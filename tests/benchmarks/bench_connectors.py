"""A connector service from its command line to its first answer, what it costs in memory, and how many questions it answers:
``flyte-bridge connector serve`` against ``pyflyte serve connector``, each with one connector that gives the same answers.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc
import psutil
from figures import Figures
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.ports import free_ports

ROUNDS = 5
QUESTIONS = 1500
AT_ONCE = 100
BIN = Path(sys.executable).parent

OURS = """
from dataclasses import dataclass
from bridge_core.connector import AsyncConnector, Resource, ResourceMeta

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

CONNECTORS = [Jobs()]
"""
FLYTEKIT = """
from dataclasses import dataclass
from flyteidl.core.execution_pb2 import TaskExecution
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

ConnectorRegistry.register(Jobs())
"""
SERVICES = {
    "ours": ("jobs_ours", ["flyte-bridge", "connector", "serve", "--no-installed", "--module", "jobs_ours"]),
    "flytekit": ("jobs_flytekit", ["pyflyte", "serve", "connector", "--modules", "jobs_flytekit"]),
}


def measure(service: str, folder: str) -> tuple[float, float, float, float]:
    """Seconds to the first answer, CPU seconds until then, MB resident, questions a second."""
    _, command = SERVICES[service]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    (port, pages) = free_ports(2)
    extra = ["--port", str(port)]
    if service == "flytekit":
        extra += ["--prometheus_port", str(pages)]
    begin = time.perf_counter()
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:], *extra],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**environment, "PYTHONPATH": folder},
    )
    try:
        options = (("grpc.min_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 20))
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            metadata = agent_pb2_grpc.AgentMetadataServiceStub(channel)
            metadata.ListAgents(agent_pb2.ListAgentsRequest(), wait_for_ready=True, timeout=120)
            first = time.perf_counter() - begin
            running = psutil.Process(process.pid)
            spent, memory = sum(running.cpu_times()[:2]), running.memory_info().rss / 2**20
            ask = agent_pb2_grpc.AsyncAgentServiceStub(channel).GetTask
            request = agent_pb2.GetTaskRequest(
                task_category=agent_pb2.TaskCategory(name="job"), resource_meta=b'{"job": "1"}'
            )
            begin = time.perf_counter()
            for _ in range(QUESTIONS // AT_ONCE):  # flytekit's server cancels some of a thousand that come at once
                for answer in [ask.future(request) for _ in range(AT_ONCE)]:
                    answer.result()
            return first, spent, memory, QUESTIONS / (time.perf_counter() - begin)
    finally:
        process.kill()
        process.wait()


WANTED = {"first answer": 5.0, "resident": 2.0}


def main() -> None:
    """Prints figures and ratios."""
    names = (("first answer", "s"), ("CPU until then", "s"), ("resident", "MB"), ("GetTask", "1/s"))
    found: dict[str, list[tuple[float, ...]]] = {service: [] for service in SERVICES}
    with tempfile.TemporaryDirectory() as folder:
        for (module, _), text in zip(SERVICES.values(), (OURS, FLYTEKIT), strict=True):
            Path(folder, f"{module}.py").write_text(text)
        for service in SERVICES:
            measure(service, folder)  # compiles
        for _ in range(ROUNDS):
            for service in SERVICES:
                found[service].append(measure(service, folder))
    figures = Figures("The connector service", "flytekit's")
    for index, (name, unit) in enumerate(names):
        ours, theirs = (statistics.median(one[index] for one in found[service]) for service in SERVICES)
        figures.tell(name, ours=ours, peer=theirs, unit=unit, wanted=WANTED.get(name), more=unit == "1/s")
        print(f"{name:16} ours {ours:9.2f} {unit}, flytekit {theirs:9.2f} {unit}: {theirs / ours:.2f} times")


if __name__ == "__main__":
    main()
