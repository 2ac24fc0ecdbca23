"""Recorded calls and planned faults: the instruments that the client is tested with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from flyteidl.admin import project_pb2, version_pb2
from flyteidl.service import admin_pb2, admin_pb2_grpc

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.controls.calls import Call, Calls
from bridge_core.sandbox.controls.faults import Faults
from bridge_core.sandbox.services.server import GrpcServer

from .protos import P, gate_workflow, literals, rejected, unique

ROOT = Path(__file__).parents[2]


@pytest.fixture
def instruments(sandbox):
    """The shared sandbox with empty instruments."""
    sandbox.calls.clear()
    sandbox.faults.clear()
    yield sandbox
    sandbox.faults.clear()


def version(wire, **options):
    return wire.admin.GetVersion(version_pb2.GetVersionRequest(), **options)


def test_calls_are_recorded_with_request_code_and_metadata(instruments, wire):
    target = gate_workflow(wire)
    instruments.calls.clear()
    run = wire.launch(target, unique("called"), literals(n=1))
    version(wire, metadata=[("x-request-id", "r1")])
    rejected("ALREADY_EXISTS", wire.launch, target, run.name, literals(n=1))
    assert instruments.calls.count("CreateExecution") == 2
    assert instruments.calls.count() == len(instruments.calls) == 3
    first, second = instruments.calls.of("CreateExecution")
    assert (first.code, second.code) == ("OK", "ALREADY_EXISTS")
    assert (first.request.project, first.request.name) == (P, run.name)
    assert "already exists" in second.details
    assert instruments.calls.of("GetVersion")[0].metadata["x-request-id"] == "r1"
    assert instruments.calls.counts() == {"CreateExecution": 2, "GetVersion": 1}
    instruments.calls.clear()
    assert len(instruments.calls) == 0
    wire.terminate(run)


def test_counts_are_exact_though_only_the_newest_requests_are_kept():
    calls = Calls(keep=2)
    for number in range(5):
        calls.record(Call(method="M", request=number, code="OK", details="", metadata={}))
    assert calls.count("M") == 5
    assert [call.request for call in calls] == [3, 4]


def test_fault_before_the_work(instruments, wire):
    target = gate_workflow(wire)
    name = unique("faulty")
    instruments.faults.fail("CreateExecution", code="UNAVAILABLE", times=2, message="gone")
    for _ in range(2):
        assert rejected("UNAVAILABLE", wire.launch, target, name, literals(n=1)) == "gone"
    instruments.faults.assert_consumed()
    wire.terminate(wire.launch(target, name, literals(n=1)))


def test_fault_after_the_work_was_done(instruments, wire):
    target = gate_workflow(wire)
    name = unique("faulty")
    instruments.faults.fail("CreateExecution", code="DEADLINE_EXCEEDED", after_commit=True)
    rejected("DEADLINE_EXCEEDED", wire.launch, target, name, literals(n=1))
    instruments.faults.assert_consumed()
    assert instruments.calls.of("CreateExecution")[-1].code == "DEADLINE_EXCEEDED"
    rejected("ALREADY_EXISTS", wire.launch, target, name, literals(n=1))


def test_delay_lets_a_deadline_pass(instruments, wire):
    instruments.faults.delay("GetVersion", seconds=0.5)
    with pytest.raises(grpc.RpcError) as caught:
        version(wire, timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    instruments.faults.assert_consumed()
    assert version(wire)


def test_faults_that_never_happened_are_told():
    faults = Faults()
    faults.assert_consumed()
    faults.fail("CreateExecution", times=2)
    faults.take("CreateExecution", None, delay=False)
    with pytest.raises(AssertionError, match="CreateExecution: UNAVAILABLE, 1 left"):
        faults.assert_consumed()
    faults.clear()
    faults.assert_consumed()


def test_faults_of_some_calls_leave_the_others_alone(wire, instruments):
    instruments.faults.fail("ListProjects", when=lambda request: request.limit == 7)
    assert wire.admin.ListProjects(project_pb2.ProjectListRequest(limit=8)).projects
    rejected("UNAVAILABLE", wire.admin.ListProjects, project_pb2.ProjectListRequest(limit=7))
    assert wire.admin.ListProjects(project_pb2.ProjectListRequest(limit=7)).projects
    instruments.faults.assert_consumed()


def test_faults_are_checked():
    faults = Faults()
    with pytest.raises(ValueError, match="NO_SUCH"):
        faults.fail("M", code="NO_SUCH")
    with pytest.raises(ValueError, match="OK"):
        faults.fail("M", code="OK")
    with pytest.raises(ValueError, match="at least 1"):
        faults.fail("M", times=0)
    with pytest.raises(ValueError, match="longer than 0"):
        faults.delay("M", 0)


def test_a_fault_of_a_method_that_does_not_exist_is_told_at_once(sandbox):
    with pytest.raises(ValueError, match=r"no method 'CreateExecutoin'.*did you mean 'CreateExecution'"):
        sandbox.faults.fail("CreateExecutoin")
    with pytest.raises(ValueError, match="without its service"):
        sandbox.faults.drop("flyteidl.service.AdminService/GetVersion")
    sandbox.faults.assert_consumed()


USERS = """
def test_that_forgets_a_fault(flyte_sandbox):
    flyte_sandbox.faults.drop("GetExecution")

def test_that_fails_before_its_fault(flyte_sandbox):
    flyte_sandbox.faults.drop("GetExecution")
    assert 1 == 2

def test_that_finds_nothing_of_the_others(flyte_sandbox):
    assert flyte_sandbox.faults.pending() == []
"""


def test_the_fixture_tells_a_forgotten_fault_but_not_over_a_failure(tmp_path):
    (tmp_path / "test_users.py").write_text(USERS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rN", str(tmp_path)]
    told = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert "1 failed, 2 passed, 1 error" in told.stdout, told.stdout
    assert told.stdout.count("AssertionError: faults never happened") == 1, told.stdout


def test_probes_find_it_alive(sandbox, wire):
    check = wire.channel.unary_unary("/grpc.health.v1.Health/Check")  # bytes in, bytes out
    assert check(b"") == b"\x08\x01"  # HealthCheckResponse{status: SERVING}
    with Sandbox(auth=True) as guarded, grpc.insecure_channel(guarded.endpoint) as channel:
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"") == b"\x08\x01"


class BrokenHandlers:
    def GetVersion(self, _request):
        raise ZeroDivisionError("secret detail")


def test_a_broken_handler_is_internal_and_never_unknown():
    """flytekit takes UNKNOWN for a request to log in."""
    server = GrpcServer(0, calls=Calls(), faults=Faults())
    server.add(admin_pb2.DESCRIPTOR.services_by_name["AdminService"], BrokenHandlers())
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            text = rejected("INTERNAL", stub.GetVersion, version_pb2.GetVersionRequest())
    finally:
        server.stop()
    assert "secret" not in text
    assert "GetVersion" in text
