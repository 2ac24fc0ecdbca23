"""Flyte 2's services on the same port, asked with flyteidl2's stubs."""

from __future__ import annotations

import json

import pytest
from flyteidl2.connector import connector_pb2, service_pb2_grpc
from flyteidl2.core import execution_pb2, tasks_pb2

from bridge_core.connector import AsyncConnector, Resource, TaskPhase

from .factory import Ask, Job, Works, create_request

CATEGORY = connector_pb2.TaskCategory(name="work")


def request2(task_type="work", n=3, **more):
    one = create_request(task_type, **more)
    out = connector_pb2.CreateTaskRequest(
        template=tasks_pb2.TaskTemplate.FromString(one.template.SerializeToString()),
        output_prefix=one.output_prefix,
        task_execution_metadata=connector_pb2.TaskExecutionMetadata.FromString(
            one.task_execution_metadata.SerializeToString()
        ),
    )
    pair = out.inputs.literals.add(name="n")
    pair.value.scalar.primitive.integer = n
    return out


@pytest.fixture
def asked(serve, factory):
    return serve(Works(factory), Ask())


@pytest.fixture
def jobs(asked):
    return service_pb2_grpc.AsyncConnectorServiceStub(asked.channel)


def test_a_job_from_its_creation_to_its_end(jobs, factory):
    meta = jobs.CreateTask(request2()).resource_meta
    assert json.loads(meta)["n"] == 3
    assert jobs.CreateTask(request2()).resource_meta == meta
    request = connector_pb2.GetTaskRequest(resource_meta=meta, task_category=CATEGORY)
    resource = jobs.GetTask(request).resource
    assert resource.phase == execution_pb2.TaskExecution.RUNNING
    assert [log.uri for log in resource.log_links] == ["https://jobs.example/1"]
    (key,) = factory.jobs
    factory.jobs[key] = TaskPhase.SUCCEEDED
    (pair,) = jobs.GetTask(request).resource.outputs.literals
    assert (pair.name, pair.value.scalar.primitive.integer) == ("o0", 6)
    jobs.DeleteTask(connector_pb2.DeleteTaskRequest(resource_meta=meta, task_category=CATEGORY))
    assert factory.deleted == [key]


def test_metrics_logs_and_metadata(asked, jobs, refused):
    meta = jobs.CreateTask(request2()).resource_meta
    (metric,) = jobs.GetTaskMetrics(
        connector_pb2.GetTaskMetricsRequest(resource_meta=meta, task_category=CATEGORY, queries=["q"])
    ).results
    assert metric.metric == "memory"
    body, header = jobs.GetTaskLogs(
        connector_pb2.GetTaskLogsRequest(resource_meta=meta, task_category=CATEGORY, lines=2)
    )
    assert [line.message for line in body.body.lines] == ["foo", "bar"]
    assert header.header.token == "2"
    metadata = service_pb2_grpc.ConnectorMetadataServiceStub(asked.channel)
    (one,) = metadata.ListConnectors(connector_pb2.ListConnectorsRequest()).connectors  # Flyte 2 has no sync connectors
    assert (one.name, one.supported_task_categories[0].name) == ("Works", "work")
    assert metadata.GetConnector(connector_pb2.GetConnectorRequest(name="Works")).connector == one
    assert refused(metadata.GetConnector, connector_pb2.GetConnectorRequest(name="x"))[0] == "NOT_FOUND"
    assert refused(jobs.GetTask, connector_pb2.GetTaskRequest())[0] == "INVALID_ARGUMENT"


class Connected(AsyncConnector[Job]):
    """Wants what a connection gives."""

    task_type_name = "connected"
    metadata_type = Job

    def create(self, inputs, password, region):
        return Job(f"{region}-{len(password)}")

    def get(self, resource_meta, password, output_prefix):
        return Resource("running", f"with {password} at {output_prefix}")

    def delete(self, resource_meta):
        pass


def test_connections_come_as_keywords_and_their_secrets_are_masked(serve):
    jobs = service_pb2_grpc.AsyncConnectorServiceStub(serve(Connected()).channel)
    request = request2("connected", outputs={})
    request.connection.secrets["password"] = "canary-2-secret"
    request.connection.configs["region"] = "eu"
    meta = jobs.CreateTask(request).resource_meta
    assert json.loads(meta)["key"] == "eu-15"
    asked = connector_pb2.GetTaskRequest(
        resource_meta=meta, task_category=connector_pb2.TaskCategory(name="connected"), output_prefix="s3://b/p"
    )
    asked.connection.secrets["password"] = "canary-2-secret"
    assert jobs.GetTask(asked).resource.message == "with *** at s3://b/p"
