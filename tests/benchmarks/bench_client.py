"""What the client costs above bare grpc and protobuf, in the same process: listing 5,000 runs, launching 200 under names.

Lists come from a server of prepared bytes, launches from a sandbox; both are processes of their own, so that their work is not
counted as ours. Peer of a list: the same pages, parsed, each run's name read. Peer of a launch: GetExecution, CreateExecution.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

RUNS, PAGE, LAUNCHES, ROUNDS = 5000, 1000, 200, 7
MOST_LIST, MOST_LAUNCH = 3.0, 1.5

PAGES = """
import functools, sys, time
from datetime import datetime
from concurrent.futures import ThreadPoolExecutor
import grpc
from flyteidl.admin import common_pb2, execution_pb2
runs, page = int(sys.argv[1]), int(sys.argv[2])
one = execution_pb2.Execution.FromString(sys.stdin.buffer.read())
newest = 2_000_000_000
@functools.cache
def prepared(begin):
    answer = execution_pb2.ExecutionList(token=str(page) if begin + page < runs else "")
    for number in range(begin, min(begin + page, runs)):
        item = answer.executions.add()
        item.CopyFrom(one)
        item.id.name = f"run{number}"
        item.closure.created_at.FromSeconds(newest - number)
    return answer.SerializeToString()
def answered(request, context):
    begin = int(request.token or 0)
    if "lte(" in request.filters:
        latest = datetime.fromisoformat(request.filters.rpartition(",")[2].rstrip(")")).timestamp()
        begin += newest - int(latest)
    return prepared(begin)
class Handler(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(answered,
                                                   common_pb2.ResourceListRequest.FromString, bytes)
server = grpc.server(ThreadPoolExecutor(2), handlers=(Handler(),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.close()
time.sleep(600)
"""


def middle(
    ours: Callable[[], Any], bare: Callable[[], Any], clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Median seconds of both, in turns."""
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for times, call in zip(figures, (ours, bare), strict=True):
            begin = clock()
            call()
            times.append(clock() - begin)
    return statistics.median(figures[0][1:]), statistics.median(figures[1][1:])


def listing(one: bytes) -> bool:
    """Ratio of list_runs to the bare call."""
    import grpc
    from flyteidl.admin import common_pb2, execution_pb2

    from bridge_core import Client, Config, RunPhase

    server = subprocess.Popen(
        [sys.executable, "-c", PAGES, str(RUNS), str(PAGE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(one)
        server.stdin.close()
        endpoint = f"127.0.0.1:{int(server.stdout.readline())}"
        config = Config.for_endpoint(endpoint, insecure=True, project="p", domain="d", batch_size=PAGE)
        with (
            Client(config) as client,
            grpc.insecure_channel(endpoint, options=[("grpc.max_receive_message_length", -1)]) as wire,
        ):
            ask = wire.unary_unary(
                "/flyteidl.service.AdminService/ListExecutions",
                common_pb2.ResourceListRequest.SerializeToString,
                execution_pb2.ExecutionList.FromString,
            )

            def bare() -> None:
                request, names = common_pb2.ResourceListRequest(limit=PAGE), []
                while True:
                    page = ask(request)
                    names += [item.id.name for item in page.executions]
                    if not page.token:
                        break
                    request.token = str(len(names))
                assert len(names) == RUNS

            def ours() -> None:
                names = [run.ref.name for run in client.list_runs(limit=RUNS) if run.phase is not RunPhase.FAILED]
                assert len(names) == RUNS

            mine, theirs = middle(ours, bare, time.process_time)  # nothing is waited for
    finally:
        server.kill()
        server.wait()
    print(
        f"list {RUNS} runs: {mine * 1e3:.0f} ms of CPU, bare grpc and protobuf {theirs * 1e3:.0f} ms: {mine / theirs:.1f} times "
        f"(wanted at most {MOST_LIST:g})"
    )
    return mine / theirs <= MOST_LIST


def launching(config: Any) -> bool:
    """Ratio of named launches to Get and Create."""
    import grpc
    from flyteidl.admin import execution_pb2
    from flyteidl.core import identifier_pb2, literals_pb2
    from flyteidl.service import admin_pb2_grpc
    from support.flyte import DOMAIN, PROJECT, integer

    from bridge_core import Client, EntityRef, LaunchRequest

    plan = identifier_pb2.Identifier(
        resource_type=identifier_pb2.LAUNCH_PLAN, project=PROJECT, domain=DOMAIN, name="bench", version="v1"
    )
    inputs = literals_pb2.LiteralMap(literals={"n": integer(3)})
    labels = {"values": {f"flyte-bridge-{number}": "a" * 26 for number in range(3)}}
    entity = EntityRef.launch_plan("bench", version="v1")
    with Client(config) as client, grpc.insecure_channel(config.endpoint) as wire:
        admin = admin_pb2_grpc.AdminServiceStub(wire)

        def bare() -> None:
            for _ in range(LAUNCHES):
                identifier = identifier_pb2.WorkflowExecutionIdentifier(
                    project=PROJECT, domain=DOMAIN, name=f"b{uuid.uuid4().hex[:16]}"
                )
                with contextlib.suppress(grpc.RpcError):
                    admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=identifier))
                spec = execution_pb2.ExecutionSpec(launch_plan=plan, labels=labels)
                admin.CreateExecution(
                    execution_pb2.ExecutionCreateRequest(
                        project=PROJECT, domain=DOMAIN, name=identifier.name, spec=spec, inputs=inputs
                    )
                )

        def ours() -> None:
            for _ in range(LAUNCHES):
                client.launch(LaunchRequest(entity, inputs={"n": 3}, name=f"b{uuid.uuid4().hex[:16]}"))

        mine, theirs = middle(ours, bare)
    print(
        f"{LAUNCHES} named launches: {mine * 1e3:.0f} ms, bare GetExecution and CreateExecution {theirs * 1e3:.0f} ms: "
        f"{mine / theirs:.2f} times (wanted at most {MOST_LAUNCH:g})"
    )
    return mine / theirs <= MOST_LAUNCH


def main() -> int:
    """Prints the figures; fails when a promise does not hold."""
    from flyteidl.admin import execution_pb2
    from flyteidl.core import identifier_pb2
    from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte

    from bridge_core import Client, EntityRef, LaunchRequest, Provenance
    from bridge_core.cli.server import SandboxProcess

    with tempfile.TemporaryDirectory() as folder:
        server = SandboxProcess.start(Path(folder) / "flyte")
        try:
            raw = RawFlyte(server.endpoint)
            raw.register("bench", {"n": INTEGER}, gate="approve")
            by = Provenance(source="airflow", installation="prod", job="etl", run="manual__1", task="train")
            with Client(server.config()) as client:
                client.launch(LaunchRequest(EntityRef.launch_plan("bench"), inputs={"n": 1}, name="one", provenance=by))
            identifier = identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name="one")
            one = raw.admin("GetExecution", execution_pb2.WorkflowExecutionGetRequest(id=identifier))
            good = listing(one.SerializeToString())
            good &= launching(server.config())
        finally:
            server.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
