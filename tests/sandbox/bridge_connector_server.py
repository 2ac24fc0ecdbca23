"""The connector service of this library in a process of its own, with the connectors of `connector_server` written for it.

``python bridge_connector_server.py DIRECTORY PORT``; steered through the same files. Creating is idempotent here: a job knows
whose it is.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bridge_core.connector import (
    AsyncConnector,
    ConnectorServer,
    JobLog,
    Resource,
    ResourceMeta,
    SyncConnector,
    TaskPhase,
    create_once,
)

DIRECTORY = Path(sys.argv[1])


def note(text: str) -> None:
    with (DIRECTORY / "calls").open("a") as calls:
        calls.write(f"{text}\n")


def state_of(number: int) -> tuple[TaskPhase, str]:
    state = DIRECTORY / f"{number}.state"
    phase, _, message = (state.read_text() if state.exists() else "RUNNING at work").partition(" ")
    return TaskPhase.of(phase), message


@dataclass(frozen=True)
class JobMeta(ResourceMeta):
    number: int
    n: int
    prefix: str


class Jobs(AsyncConnector[JobMeta]):
    name = "Jobs"
    metadata_type = JobMeta

    async def create(self, task_template, output_prefix, inputs, task_execution_metadata, **_more) -> JobMeta:
        if (DIRECTORY / "refuse").exists():
            raise ValueError("no quota left")

        def find(key: str) -> int | None:
            jobs = (path for path in DIRECTORY.glob("*.job") if json.loads(path.read_text())["key"] == key)
            return next((int(path.stem) for path in jobs), None)

        async def launch(key: str) -> int:
            number = len(list(DIRECTORY.glob("*.job")))  # noqa: ASYNC240 - a test's folder
            seen = {
                "key": key,
                "name": task_template.id.name,
                "execution": task_execution_metadata.task_execution_id.node_execution_id.execution_id.name,
                "attempt": task_execution_metadata.task_execution_id.retry_attempt,
                "namespace": task_execution_metadata.namespace,
                "labels": dict(task_execution_metadata.labels),
                "env": dict(task_execution_metadata.environment_variables),
                "args": list(task_template.container.args) if task_template.container else [],
            }
            part = DIRECTORY / "job.part"
            part.write_text(json.dumps(seen))
            part.rename(DIRECTORY / f"{number}.job")
            note(f"create {number}")
            while (DIRECTORY / "slow").exists():  # noqa: ASYNC110 - the event is in another process
                await asyncio.sleep(0.02)
            return number

        def lives(number: int) -> bool:
            return not state_of(number)[0].is_terminal

        number = await create_once(task_execution_metadata, find=find, create=launch, is_live=lives)
        return JobMeta(number, inputs.get("n", 0), output_prefix)

    async def get(self, resource_meta: JobMeta, **_more) -> Resource:
        note(f"get {resource_meta.number}")
        while (DIRECTORY / "hold").exists():  # noqa: ASYNC110 - the event is in another process
            await asyncio.sleep(0.02)
        if (DIRECTORY / "broken").exists():
            raise ValueError("the warehouse is down")
        phase, message = state_of(resource_meta.number)
        outputs = None
        if phase is TaskPhase.SUCCEEDED:
            outputs = {"o0": resource_meta.n * 2}
            if self.task_category.name == "filed":
                write(resource_meta.prefix, outputs["o0"])
                outputs = None
        return Resource(
            phase,
            message,
            [JobLog("Job", f"https://jobs.example/{resource_meta.number}")],
            outputs,
            {"number": resource_meta.number},
        )

    def delete(self, resource_meta: JobMeta) -> None:
        if (DIRECTORY / "stuck").exists():
            note(f"keep {resource_meta.number}")
            raise ValueError("the warehouse keeps it")
        if (DIRECTORY / "hang").exists():
            note(f"hang {resource_meta.number}")
            while (DIRECTORY / "hang").exists():
                time.sleep(0.02)
        part = DIRECTORY / "state.part"
        part.write_text("ABORTED")
        part.rename(DIRECTORY / f"{resource_meta.number}.state")
        note(f"delete {resource_meta.number}")


def write(prefix: str, value: int) -> None:
    from flyteidl.core import literals_pb2

    outputs = literals_pb2.LiteralMap()
    outputs.literals["o0"].scalar.primitive.integer = value
    Path(prefix, "outputs.pb").write_bytes(outputs.SerializeToString())


class Ask(SyncConnector):
    name = "Ask"
    task_type_name = "ask"

    def do(self, task_template, output_prefix, inputs, **_more) -> Resource:
        note(f"do {task_template.id.name} {bool(output_prefix)}")
        n = inputs.get("n", 0)
        return Resource("failed", "n is negative") if n < 0 else Resource("done", outputs={"o0": n + 1})


def main() -> None:
    jobs = [
        Jobs(task_type_name="job"),
        Jobs(task_type_name="filed"),
        Jobs(task_type_name="versioned", task_type_version=2),
    ]
    with ConnectorServer(connectors=[*jobs, Ask()], port=int(sys.argv[2])) as server:
        print(server.port, flush=True)
        signal.signal(signal.SIGTERM, lambda *_: server.request_stop())
        server.wait()


if __name__ == "__main__":
    main()
