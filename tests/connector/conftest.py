"""A connector server per test, asked through real gRPC."""

from __future__ import annotations

from contextlib import ExitStack

import grpc
import pytest
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc

from bridge_core.connector import ConnectorServer

from .factory import Factory


class Asked:
    """What FlytePropeller would call."""

    def __init__(self, server: ConnectorServer, channel: grpc.Channel) -> None:
        self.server = server
        self.channel = channel
        self.jobs = agent_pb2_grpc.AsyncAgentServiceStub(channel)
        self.sync = agent_pb2_grpc.SyncAgentServiceStub(channel)
        self.metadata = agent_pb2_grpc.AgentMetadataServiceStub(channel)

    def create(self, request, timeout=20):
        return self.jobs.CreateTask(request, timeout=timeout).resource_meta

    def get(self, task_type, meta, timeout=20):
        request = agent_pb2.GetTaskRequest(task_category=agent_pb2.TaskCategory(name=task_type), resource_meta=meta)
        return self.jobs.GetTask(request, timeout=timeout).resource

    def delete(self, task_type, meta, timeout=20):
        category = agent_pb2.TaskCategory(name=task_type)
        self.jobs.DeleteTask(agent_pb2.DeleteTaskRequest(task_category=category, resource_meta=meta), timeout=timeout)

    def do(self, *parts):
        return list(self.sync.ExecuteTaskSync(iter(parts), timeout=20))


@pytest.fixture
def factory():
    return Factory()


@pytest.fixture
def serve():
    """Makes a function that serves connectors until the end of the test."""
    with ExitStack() as stack:

        def start(*connectors, **more) -> Asked:
            server = stack.enter_context(ConnectorServer(connectors=connectors, **{"grace": 1.0, **more}))
            channel = stack.enter_context(grpc.insecure_channel(server.endpoint))
            return Asked(server, channel)

        yield start


@pytest.fixture
def refused():
    """Makes a function that calls and gives the status and its text."""

    def call(function, *arguments, **more):
        with pytest.raises(grpc.RpcError) as caught:
            function(*arguments, **more)
        return caught.value.code().name, caught.value.details()

    return call
