"""Connectors of flytekit and of the flyte SDK, unmodified, in a service of ours (a process: SDKs install handlers)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import grpc
import pytest
from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, literals_pb2
from flyteidl.service import agent_pb2_grpc
from flyteidl2.connector import connector_pb2, service_pb2_grpc

from bridge_core import ConnectorTask
from bridge_core.registration.connectors import connector_task_spec

from .conftest import Asked
from .factory import metadata
from .test_flyte2 import request2

PHASES = execution_pb2.TaskExecution
OF_FLYTE = """
from dataclasses import dataclass
from flyte.connectors import AsyncConnector, ConnectorRegistry, Resource, ResourceMeta
from flyteidl2.core.execution_pb2 import TaskExecution, TaskLog

@dataclass
class Meta(ResourceMeta):
    n: int
    run: str

class Doubles(AsyncConnector):
    name, task_type_name, metadata_type = "Doubles", "doubles", Meta
    async def create(self, task_template, output_prefix, inputs=None, task_execution_metadata=None, **kwargs):
        return Meta(inputs["n"], task_execution_metadata.task_execution_id.node_execution_id.execution_id.name)
    async def get(self, resource_meta, **kwargs):
        return Resource(TaskExecution.SUCCEEDED, resource_meta.run, [TaskLog(name="l", uri="http://l")],
                        {"o0": resource_meta.n * 2}, {"a": "b"})
    async def delete(self, resource_meta, **kwargs):
        pass

ConnectorRegistry.register(Doubles())
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "of_flyte.py").write_text(OF_FLYTE)
    modules = ["flytekit.sensor.sensor_engine", "flytekit.extras.webhook.connector", "of_flyte"]
    command = [sys.executable, "-m", "bridge_core.cli", "connector", "serve", "--port", "0", "--no-installed"]
    for module in modules:
        command += ["--module", module]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("connectors on "), process.communicate()[1]
    with grpc.insecure_channel(line.split()[2]) as channel:
        yield Asked(SimpleNamespace(), channel)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


def template(task_type, custom=None, **more):
    task = ConnectorTask(name="a.b", task_type=task_type, custom=custom or {}, **more)
    return connector_task_spec(task, runtime="1").template


def test_what_they_register_is_listed(asked):
    agents = {one.name: one for one in asked.metadata.ListAgents(agent_pb2.ListAgentsRequest()).agents}
    assert {name: (list(one.supported_task_types), one.is_sync) for name, one in agents.items()} == {
        "Sensor": (["sensor"], False),
        "Webhook Connector": (["webhook"], True),
        "Doubles": (["doubles"], False),
    }


def test_flytekits_file_sensor(asked, tmp_path):
    custom = {"sensor_module": "flytekit.sensor.file_sensor", "sensor_name": "FileSensor"}
    request = agent_pb2.CreateTaskRequest(template=template("sensor", custom, inputs={"path": str}))
    request.task_execution_metadata.CopyFrom(metadata("run1"))
    request.inputs.literals["path"].scalar.primitive.string_value = str(tmp_path / "there")
    meta = asked.create(request)
    assert json.loads(meta)["inputs"] == {"path": str(tmp_path / "there")}
    assert asked.get("sensor", meta).phase == PHASES.RUNNING
    (tmp_path / "there").touch()
    assert asked.get("sensor", meta).phase == PHASES.SUCCEEDED
    asked.delete("sensor", meta)


def test_flytekits_webhook(asked):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"thanks")

        def log_message(self, *_):
            pass

    seen: list[object] = []
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        custom = {
            "url": f"http://127.0.0.1:{server.server_port}/hook",
            "method": "POST",
            "data": {"day": "{inputs.day}"},
        }
        header = agent_pb2.CreateRequestHeader(
            template=template("webhook", custom, inputs={"day": str}, outputs={"info": dict})
        )
        inputs = literals_pb2.LiteralMap()
        inputs.literals["day"].scalar.primitive.string_value = "2026-11-28"
        (answer,) = asked.do(
            agent_pb2.ExecuteTaskSyncRequest(header=header), agent_pb2.ExecuteTaskSyncRequest(inputs=inputs)
        )
        server.shutdown()
        thread.join()
    assert answer.header.resource.phase == PHASES.SUCCEEDED, answer.header.resource.message
    assert seen == [{"day": "2026-11-28"}]
    assert answer.header.resource.HasField("outputs")


def test_a_connector_of_the_flyte_sdk_serves_both_flytes(asked):
    one = agent_pb2.CreateTaskRequest(template=template("doubles", inputs={"n": int}, outputs={"o0": int}))
    one.task_execution_metadata.CopyFrom(metadata("run1"))
    one.inputs.literals["n"].scalar.primitive.integer = 4
    found = asked.get("doubles", asked.create(one))
    assert (found.message, found.outputs.literals["o0"].scalar.primitive.integer) == ("run1", 8)
    assert (found.log_links[0].uri, dict(found.custom_info)) == ("http://l", {"a": "b"})
    jobs = service_pb2_grpc.AsyncConnectorServiceStub(asked.channel)
    meta = jobs.CreateTask(request2("doubles", n=5)).resource_meta
    category = connector_pb2.TaskCategory(name="doubles")
    resource = jobs.GetTask(connector_pb2.GetTaskRequest(resource_meta=meta, task_category=category)).resource
    assert resource.outputs.literals[0].value.scalar.primitive.integer == 10


def test_who_they_do_not_know_is_not_found(asked):
    with pytest.raises(grpc.RpcError) as caught:
        agent_pb2_grpc.AsyncAgentServiceStub(asked.channel).GetTask(agent_pb2.GetTaskRequest(task_type="spark"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
