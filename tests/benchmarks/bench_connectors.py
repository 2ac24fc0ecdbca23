"""A connector service from its command line to its first answer, what it costs in memory, and what a question costs:
``flyte-bridge connector serve`` against ``pyflyte serve connector``, each with two connectors that give the same answers, one
with ``async`` methods (``job``) and one with plain ones (``plain``).

Both are asked in turns, so that what else the machine does falls on both; what is compared is the median of the ratios.
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
TURNS = 25
QUESTIONS = 400
AT_ONCE = 100  # flytekit's server cancels some of a thousand that come at once
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

class Plain(Jobs):
    task_type_name = "plain"
    def get(self, resource_meta, **_):
        return Resource("running", "at work")

CONNECTORS = [Jobs(), Plain()]
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
    task_type = "job"
    def __init__(self):
        super().__init__(task_type_name=self.task_type, metadata_type=Meta)
    async def create(self, **_):
        return Meta("1")
    async def get(self, resource_meta, **_):
        return Resource(TaskExecution.RUNNING, "at work")
    async def delete(self, resource_meta, **_):
        pass

class Plain(Jobs):
    name = "Plain"
    task_type = "plain"
    def get(self, resource_meta, **_):
        return Resource(TaskExecution.RUNNING, "at work")

ConnectorRegistry.register(Jobs())
ConnectorRegistry.register(Plain())
"""
SERVICES = {
    "ours": ("jobs_ours", ["flyte-bridge", "connector", "serve", "--no-installed", "--module", "jobs_ours"]),
    "flytekit": ("jobs_flytekit", ["pyflyte", "serve", "connector", "--modules", "jobs_flytekit"]),
}


class Service:
    """One of them, running."""

    def __init__(self, service: str, folder: str) -> None:
        _, command = SERVICES[service]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        (port, pages) = free_ports(2)
        extra = ["--port", str(port)]
        if service == "flytekit":
            extra += ["--prometheus_port", str(pages)]
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:], *extra],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**environment, "PYTHONPATH": folder},
        )
        options = (("grpc.min_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 20))
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
        metadata = agent_pb2_grpc.AgentMetadataServiceStub(self._channel)
        metadata.ListAgents(agent_pb2.ListAgentsRequest(), wait_for_ready=True, timeout=120)
        self.first = time.perf_counter() - begin
        self._ask = agent_pb2_grpc.AsyncAgentServiceStub(self._channel).GetTask
        self._process = psutil.Process(self.process.pid)

    def start(self) -> tuple[float, float, float]:
        """Seconds to the first answer, CPU seconds until then, MB resident."""
        return self.first, self._cpu(), self._process.memory_info().rss / 2**20

    def ask(self, task_type: str) -> tuple[float, float]:
        """Seconds and CPU seconds of the service for a question, of many at once."""
        category = agent_pb2.TaskCategory(name=task_type)
        request = agent_pb2.GetTaskRequest(task_category=category, resource_meta=b'{"job": "1"}')
        spent, begin = self._cpu(), time.perf_counter()
        for _ in range(QUESTIONS // AT_ONCE):
            for answer in [self._ask.future(request) for _ in range(AT_ONCE)]:
                answer.result()
        return (time.perf_counter() - begin) / QUESTIONS, (self._cpu() - spent) / QUESTIONS

    def stop(self) -> None:
        self._channel.close()
        self.process.kill()
        self.process.wait()

    def _cpu(self) -> float:
        return sum(self._process.cpu_times()[:2])


def starts(folder: str) -> None:
    """Prints what a start costs."""
    found: dict[str, list[tuple[float, ...]]] = {service: [] for service in SERVICES}
    for number in range(ROUNDS + 1):
        for service in SERVICES:
            running = Service(service, folder)
            if number:  # the first one compiles
                found[service].append(running.start())
            running.stop()
    for index, (name, unit) in enumerate((("first answer", "s"), ("CPU until then", "s"), ("resident", "MB"))):
        show(name, unit, *([one[index] for one in found[service]] for service in SERVICES))


def questions(folder: str) -> None:
    """Prints what questions cost."""
    both = {service: Service(service, folder) for service in SERVICES}
    for task_type in ("job", "plain"):
        found: dict[str, list[tuple[float, float]]] = {service: [] for service in SERVICES}
        for number in range(TURNS + 1):
            for service, running in both.items():
                asked = running.ask(task_type)
                if number:
                    found[service].append(asked)
        kind = "async" if task_type == "job" else "plain"
        for index, name in enumerate((f"GetTask, {kind}", f"its CPU, {kind}")):
            show(name, "us", *([one[index] * 1e6 for one in found[service]] for service in SERVICES))
    for running in both.values():
        running.stop()


WANTED = {"first answer": 5.0, "resident": 2.0}
FIGURES = Figures("The connector service", "flytekit's")


def show(name: str, unit: str, ours: list[float], theirs: list[float]) -> None:
    ratio = statistics.median(other / own for own, other in zip(ours, theirs, strict=True) if own)
    own, other = statistics.median(ours), statistics.median(theirs)
    FIGURES.tell(name, ours=own, peer=other, unit=unit, wanted=WANTED.get(name))
    print(f"{name:16} ours {own:9.2f} {unit}, flytekit {other:9.2f} {unit}: {ratio:.2f} times")


def main() -> None:
    """Prints figures and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        for (module, _), text in zip(SERVICES.values(), (OURS, FLYTEKIT), strict=True):
            Path(folder, f"{module}.py").write_text(text)
        starts(folder)
        questions(folder)


if __name__ == "__main__":
    main()
