"""Whatever is sent to whatever RPC of the service: a typed error, no traceback to the caller, and it serves afterwards."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter

import grpc
import pytest
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2 as services1
from flyteidl2.connector import connector_pb2
from flyteidl2.connector import service_pb2 as services2
from sandbox.fuzzer import Fuzzer

from bridge_core.connector import TaskPhase

from .factory import Ask, Leaky, Works, create_request
from .test_flyte2 import request2

METHODS = [
    (service, method)
    for file in (services1, services2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
TYPED = frozenset(
    {
        "OK",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "UNIMPLEMENTED",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
    }
)
CANARY = "canary-f0zz-5ecret"


def known(meta, messages, create):
    out = {"CreateTask": [create("work"), create("leaky")]}
    for name in ("GetTask", "DeleteTask", "GetTaskMetrics", "GetTaskLogs"):
        kind = getattr(messages, f"{name}Request")
        out[name] = [
            kind(task_category=messages.TaskCategory(name=task_type), resource_meta=found)
            for task_type, found in (("work", meta), ("leaky", b'{"key": "1"}'), ("leaky", b'{"key": "2"}'))
        ]
    return out


def known1(meta):
    header = agent_pb2.CreateRequestHeader(template=create_request("ask").template)
    return known(meta, agent_pb2, create_request) | {
        "ExecuteTaskSync": [agent_pb2.ExecuteTaskSyncRequest(header=header)],
        "GetAgent": [agent_pb2.GetAgentRequest(name="Ask")],
    }


def known2(meta):
    return known(meta, connector_pb2, request2) | {"GetConnector": [connector_pb2.GetConnectorRequest(name="Works")]}


def send(channel, service, method, data):
    """Status, its text, and the bytes that were answered."""
    path = f"/{service.full_name}/{method.name}"
    coders = {"request_serializer": bytes, "response_deserializer": bytes}
    answers = []
    try:
        if method.client_streaming:
            answers.extend(channel.stream_stream(path, **coders)(iter([data, data]), timeout=20))
        elif method.server_streaming:
            answers.extend(channel.unary_stream(path, **coders)(data, timeout=20))
        else:
            answers.append(channel.unary_unary(path, **coders)(data, timeout=20))
    except grpc.RpcError as error:
        return error.code().name, error.details() or "", b"".join(answers)
    return "OK", "", b"".join(answers)


def fuzz(serve, factory, seconds, seed):
    asked = serve(Works(factory), Ask(), Leaky(), timeout=5.0)
    meta = asked.create(create_request("work"))
    (key,) = factory.jobs
    factory.jobs[key] = TaskPhase.SUCCEEDED
    fuzzers = {
        "flyteidl.service": Fuzzer(random.Random(seed), known1(meta)),
        "flyteidl2.connector": Fuzzer(random.Random(seed), known2(meta)),
    }
    seen: Counter[tuple[str, str]] = Counter()
    masked: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for service, method in METHODS:
            data = fuzzers[service.file.package].request(method)
            code, text, answer = send(asked.channel, service, method, data)
            seen[method.name, code] += 1
            masked[method.name] += "***" in text or b"***" in answer
            assert code in TYPED, f"{method.full_name}: {code}: {text}: {data!r}"
            assert "Traceback" not in text
            assert CANARY not in text
            assert CANARY.encode() not in answer
    assert asked.get("work", meta).outputs.literals["o0"].scalar.primitive.integer == 6
    assert {name for name, count in masked.items() if count} >= {
        "GetTask",
        "DeleteTask",
        "GetTaskMetrics",
        "GetTaskLogs",
    }
    return seen


@pytest.fixture(autouse=True)
def secret(monkeypatch, caplog):
    """A secret that a connector tells everywhere; it must be in nothing that is logged."""
    monkeypatch.setenv("_FSEC_CANARY", CANARY)
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in caplog.text


def test_any_request_gets_a_typed_answer(serve, factory, caplog):
    seen = fuzz(serve, factory, 6, seed=1)
    assert {method.name for _, method in METHODS} == {name for name, _ in seen}
    assert "Traceback" not in caplog.text


@pytest.mark.long
def test_any_request_for_a_minute(serve, factory):
    seen = fuzz(serve, factory, 60, seed=time.time_ns())
    print(dict(seen))
