"""The service, asked as FlytePropeller asks."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request

import grpc
import pytest
from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, literals_pb2
from flyteidl.service import agent_pb2_grpc
from support.ports import has_ipv6

from bridge_core import ConfigError
from bridge_core.connector import ConnectorServer, Resource, TaskPhase, connector_secret
from bridge_core.connector.pages import open_pages

from .factory import Ask, Bad, BlocksItsLoop, Factory, Job, Slow, Works, create_request, metadata

CANARY = "canary-5ca1ab1e"


def test_a_job_from_its_creation_to_its_end(serve, factory):
    asked = serve(Works(factory))
    meta = asked.create(create_request("work"))
    assert json.loads(meta)["n"] == 3
    resource = asked.get("work", meta)
    assert (resource.phase, resource.message) == (execution_pb2.TaskExecution.RUNNING, "at work")
    assert [(log.name, log.uri) for log in resource.log_links] == [("job", "https://jobs.example/1")]
    assert dict(resource.custom_info) == {"key": "value", "num": 1}
    assert not resource.HasField("outputs")
    (key,) = factory.jobs
    factory.jobs[key] = TaskPhase.SUCCEEDED
    assert asked.get("work", meta).outputs.literals["o0"].scalar.primitive.integer == 6
    asked.delete("work", meta)
    asked.delete("work", meta)
    assert factory.deleted == [key, key]


def test_a_task_without_outputs_has_the_meta_that_the_connector_encoded(serve, factory):
    asked = serve(Works(factory))
    meta = asked.create(create_request("work", outputs={}))
    (key,) = factory.jobs
    assert meta == Job(key, 3).encode()
    assert asked.get("work", meta).phase == execution_pb2.TaskExecution.RUNNING


def test_outputs_keep_their_declared_types_through_a_restart(serve, factory):
    meta = serve(Works(factory)).create(create_request("work", outputs={"o0": float}))
    (key,) = factory.jobs
    factory.jobs[key] = TaskPhase.SUCCEEDED
    assert serve(Works(factory)).get("work", meta).outputs.literals["o0"].scalar.primitive.float_value == 6.0


def test_the_same_create_again_is_the_same_job(serve, factory):
    asked = serve(Works(factory))
    first = asked.create(create_request("work"))
    assert asked.create(create_request("work")) == first
    assert serve(Works(factory)).create(create_request("work")) == first  # another process
    assert len(factory.jobs) == 1
    asked.create(create_request("work", run="run2"))
    assert len(factory.jobs) == 2


def test_a_create_that_comes_again_while_the_first_goes_on_waits_for_its_answer(serve, factory):
    asked = serve(Slow(factory))
    metas: list[bytes] = []
    threads = [threading.Thread(target=lambda: metas.append(asked.create(create_request("slow")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(metas) == 8
    assert len(set(metas)) == 1
    assert len(factory.jobs) == 1


def test_a_create_whose_caller_gave_up_goes_on_and_is_answered_later(serve, factory, refused):
    asked = serve(Slow(factory))
    assert refused(asked.create, create_request("slow"), timeout=0.1)[0] == "DEADLINE_EXCEEDED"
    assert json.loads(asked.create(create_request("slow")))["key"] == "0"
    assert len(factory.jobs) == 1


def test_an_attempt_takes_over_the_job_of_the_one_before_only_if_it_lives(serve, factory):
    asked = serve(Works(factory))
    first = asked.create(create_request("work"))
    assert asked.create(create_request("work", attempt=1)) == first
    (key,) = factory.jobs
    factory.jobs[key] = TaskPhase.FAILED
    assert asked.create(create_request("work", attempt=2)) != first
    assert len(factory.jobs) == 2


def test_an_absurd_attempt_number_keeps_nobody_busy(serve, factory):
    asked = serve(Works(factory), timeout=5.0)
    asked.create(create_request("work", attempt=2**31 - 1))
    assert len(factory.jobs) == 1


def test_sync_connectors(serve, refused, factory):
    asked = serve(Ask(), Works(factory))
    request = create_request("ask")
    header = agent_pb2.CreateRequestHeader(template=request.template, task_execution_metadata=metadata("run1"))

    def parts(n):
        inputs = literals_pb2.LiteralMap()
        inputs.literals["n"].scalar.primitive.integer = n
        return agent_pb2.ExecuteTaskSyncRequest(header=header), agent_pb2.ExecuteTaskSyncRequest(inputs=inputs)

    (answer,) = asked.do(*parts(2))
    assert answer.header.resource.outputs.literals["o0"].scalar.primitive.integer == 3
    (answer,) = asked.do(*parts(-1))
    assert answer.header.resource.agent_error.code == "Negative"
    assert "finished when it answers" in refused(asked.do, *parts(0))[1]
    assert "must be the header" in refused(asked.do, *parts(1)[1:])[1]
    assert refused(asked.do)[0] == "INVALID_ARGUMENT"
    assert "is a sync connector" in refused(asked.create, request)[1]
    work = agent_pb2.CreateRequestHeader(template=create_request("work").template)
    assert "does not support sync execution" in refused(asked.do, agent_pb2.ExecuteTaskSyncRequest(header=work))[1]


def test_metadata(serve, refused, factory):
    asked = serve(Works(factory), Works(factory, task_type_version=2), Ask())
    agents = {agent.name: agent for agent in asked.metadata.ListAgents(agent_pb2.ListAgentsRequest()).agents}
    assert {name: agent.is_sync for name, agent in agents.items()} == {"Works": False, "Ask": True}
    assert [(one.name, one.version) for one in agents["Works"].supported_task_categories] == [("work", 0), ("work", 2)]
    assert list(agents["Works"].supported_task_types) == ["work"]
    one = asked.metadata.GetAgent(agent_pb2.GetAgentRequest(name="Ask")).agent
    assert one.supported_task_categories[0].name == "ask"
    code, text = refused(asked.metadata.GetAgent, agent_pb2.GetAgentRequest(name="nobody"))
    assert code == "NOT_FOUND"
    assert "Ask, Works" in text


def test_who_runs_nothing_of_that_kind_says_what_it_runs(serve, refused, factory):
    asked = serve(Works(factory))
    for call in (
        lambda: asked.create(create_request("nothing")),
        lambda: asked.get("nothing", b"{}"),
        lambda: asked.delete("nothing", b"{}"),
    ):
        code, text = refused(call)
        assert code == "NOT_FOUND"
        assert "nothing_v0" in text
        assert "work_v0" in text
    legacy = agent_pb2.GetTaskRequest(task_type="work", resource_meta=asked.create(create_request("work")))
    assert asked.jobs.GetTask(legacy).resource.phase == execution_pb2.TaskExecution.RUNNING
    assert refused(asked.jobs.GetTask, agent_pb2.GetTaskRequest())[0] == "INVALID_ARGUMENT"


def test_metrics_and_logs_of_a_job(serve, refused, factory):
    asked = serve(Works(factory), Bad("raises"))
    meta, category = asked.create(create_request("work")), agent_pb2.TaskCategory(name="work")
    request = agent_pb2.GetTaskMetricsRequest(task_category=category, resource_meta=meta, queries=["q"])
    (metric,) = asked.jobs.GetTaskMetrics(request).results
    assert (metric.metric, metric.data["bytes"], list(metric.data["asked"])) == ("memory", 12, ["q"])
    request = agent_pb2.GetTaskLogsRequest(task_category=category, resource_meta=meta, lines=5, token="t-")
    body, header = asked.jobs.GetTaskLogs(request)
    assert list(body.body.results) == ["t-foo", "bar"]
    assert [line.originator for line in body.body.structured_lines] == [agent_pb2.USER, agent_pb2.SYSTEM]
    assert header.header.token == "5"
    other = agent_pb2.GetTaskMetricsRequest(
        task_category=agent_pb2.TaskCategory(name="raises"), resource_meta=b'{"key": "1"}'
    )
    assert refused(asked.jobs.GetTaskMetrics, other) == (
        "UNIMPLEMENTED",
        "failed to get_metrics raises task: NotImplementedError: connector 'Bad' gives no metrics",
    )


@pytest.mark.parametrize(
    "case",
    [
        ("raises", "INTERNAL", "RuntimeError: the password is ***"),
        ("away", "UNAVAILABLE", "the warehouse does not answer"),
        ("answers_none", "INVALID_ARGUMENT", "must answer a Resource, got NoneType"),
        ("exits", "INTERNAL", "SystemExit"),
        ("sleeps", "DEADLINE_EXCEEDED", "no answer within 0.5 s"),
    ],
)
def test_connectors_that_go_wrong(serve, refused, monkeypatch, case):
    task_type, code, part = case
    monkeypatch.setenv("_FSEC_CANARY", CANARY)
    asked = serve(Bad(task_type), timeout=0.5)
    found, text = refused(asked.get, task_type, asked.create(create_request(task_type)))
    assert found == code
    assert part in text
    assert refused(asked.delete, task_type, b'{"key": "1"}')[0] == "INTERNAL"
    assert refused(asked.get, task_type, b"no json")[0] == "INVALID_ARGUMENT"
    assert refused(asked.get, task_type, b'{"n": 1}')[0] == "INVALID_ARGUMENT"


def test_outputs_that_do_not_fit_are_a_failure_of_the_task(serve, monkeypatch):
    monkeypatch.setenv("_FSEC_CANARY", CANARY)
    asked = serve(Bad("misfit"))
    resource = asked.get("misfit", asked.create(create_request("misfit")))
    assert resource.phase == execution_pb2.TaskExecution.FAILED
    assert "outputs.o0" in resource.message
    resource = asked.get("misfit", asked.create(create_request("misfit", outputs={"other": str})))
    assert "outputs.other: missing" in resource.message
    assert "declares no such output; it has other" in resource.message


def test_secrets_reach_no_answer_no_log_and_no_meta(serve, refused, monkeypatch, caplog):
    monkeypatch.setenv("_FSEC_CANARY", CANARY)
    caplog.set_level(logging.DEBUG)
    asked = serve(Bad("leaks"), Bad("raises"), Bad("says"))
    code, text = refused(asked.create, create_request("leaks"))
    assert code == "INVALID_ARGUMENT"
    assert "holds a secret" in text
    refused(asked.get, "raises", asked.create(create_request("raises")))
    resource = asked.get("says", asked.create(create_request("says", outputs={"o0": str})))
    assert resource.message == "with ***"
    everything = f"{text}{resource}{asked.server.metrics()}{caplog.text}"
    assert "the password is ***" in caplog.text
    assert CANARY not in everything


def test_who_hangs_harms_no_other(serve, refused, factory):
    asked = serve(Works(factory), Bad("sleeps"), BlocksItsLoop(), timeout=1.0, workers=2)
    stuck = [("sleeps", b'{"key": "1"}')] * 4 + [("blocks", b'{"key": "1"}')] * 4
    codes: list[str] = []
    threads = [threading.Thread(target=lambda one=one: codes.append(refused(asked.get, *one)[0])) for one in stuck]
    for thread in threads:
        thread.start()
    meta = asked.create(create_request("work"))
    for _ in range(20):
        assert asked.get("work", meta, timeout=0.9).phase == execution_pb2.TaskExecution.RUNNING
    for thread in threads:
        thread.join()
    assert codes == ["DEADLINE_EXCEEDED"] * 8
    assert asked.get("work", meta).phase == execution_pb2.TaskExecution.RUNNING


def test_a_stopping_server_lets_a_job_be_created(factory):
    server = ConnectorServer(connectors=[Slow(factory)], grace=10.0).start()
    with grpc.insecure_channel(server.endpoint) as channel:
        from .conftest import Asked

        answer = Asked(server, channel).jobs.CreateTask.future(create_request("slow"), timeout=20)
        while not factory.jobs:
            time.sleep(0.01)
        server.stop()
        assert json.loads(answer.result().resource_meta)["key"] == "0"
    assert server.wait(0)


def test_metrics_and_health_pages(serve, refused, factory):
    asked = serve(Works(factory), http_port=0)
    meta = asked.create(create_request("work"))
    asked.get("work", meta)
    refused(asked.get, "work", b"x")
    refused(asked.get, "unheard-of", b"x")
    text = urllib.request.urlopen(f"{asked.server.http_url}/metrics").read().decode()
    assert 'flyte_connector_requests_total{connector="Works",method="create",outcome="OK"} 1' in text
    assert 'flyte_connector_requests_total{connector="Works",method="get",outcome="INVALID_ARGUMENT"} 1' in text
    assert 'flyte_connector_requests_total{connector="unknown",method="get",outcome="NOT_FOUND"} 1' in text
    assert 'flyte_connector_request_duration_seconds_count{connector="Works",method="get"} 2' in text
    assert "unheard-of" not in text
    page = json.loads(urllib.request.urlopen(f"{asked.server.http_url}/healthz").read())
    assert page == {"serving": True, "connectors": "work_v0"}


def test_pages_on_ipv6():
    """Where gRPC listens, the pages do, too; a server is given one host for both."""
    if not has_ipv6():
        pytest.skip("no IPv6 here")
    pages = open_pages("::1", 0, lambda: (True, {}), str)
    assert urllib.request.urlopen(f"{pages.url}/healthz?probe=1").status == 200
    pages.close()


def test_health_by_grpc(serve, factory, refused):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    asked = serve(Works(factory))
    health = health_pb2_grpc.HealthStub(asked.channel)
    for name in ("", "flyteidl.service.AsyncAgentService", "flyteidl2.connector.AsyncConnectorService"):
        assert (
            health.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING
        )
    assert refused(health.Check, health_pb2.HealthCheckRequest(service="other"))[0] == "NOT_FOUND"
    watching = health.Watch(health_pb2.HealthCheckRequest(), timeout=20)
    assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
    asked.server.request_stop()
    assert next(watching).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_request_that_is_too_large_is_refused_and_the_next_one_served(serve, factory, refused):
    asked = serve(Works(factory), max_message_bytes=10_000)
    request = create_request("work")
    request.output_prefix = "x" * 20_000
    assert refused(asked.create, request)[0] == "RESOURCE_EXHAUSTED"
    assert asked.create(create_request("work"))


def test_many_questions_at_once_are_all_answered(serve, factory):
    asked = serve(Works(factory))
    meta = asked.create(create_request("work"))
    request = agent_pb2.GetTaskRequest(task_category=agent_pb2.TaskCategory(name="work"), resource_meta=meta)
    answers = [asked.jobs.GetTask.future(request, timeout=60) for _ in range(3000)]
    assert {answer.result().resource.message for answer in answers} == {"at work"}


def test_a_taken_port_is_an_error_that_names_it(serve, factory):
    taken = serve(Works(factory)).server.port
    with pytest.raises(ConfigError, match=f"127.0.0.1:{taken} cannot be opened"):
        ConnectorServer(connectors=[Works(factory)], port=taken).start()
    with pytest.raises(ConfigError, match="--http-port"):
        ConnectorServer(connectors=[Works(factory)], http_port=taken).start()


def test_outputs_of_tasks_that_declare_none_follow_the_values():
    from bridge_core.connector.answers import outputs_of

    found = outputs_of(Resource("done", outputs={"a": [1, 2], "b": True, "c": {"x": 1.5}}), {})
    assert [item.scalar.primitive.integer for item in found.literals["a"].collection.literals] == [1, 2]
    assert found.literals["b"].scalar.primitive.boolean is True


def test_two_servers_share_nothing(serve):
    one, two = Factory(), Factory()
    serve(Works(one)).create(create_request("work"))
    serve(Works(two)).create(create_request("work"))
    assert (len(one.jobs), len(two.jobs)) == (1, 1)


class Held(Works):
    """Holds something."""

    task_type_name = "held"
    closed = 0

    def close(self):
        self.closed += 1


class Stubborn(Held):
    task_type_name = "stubborn"

    def close(self):
        super().close()
        raise RuntimeError(f"cannot close, the password is {CANARY}")


def test_who_was_asked_is_closed_when_the_service_stops(factory, caplog, monkeypatch):
    monkeypatch.setenv("_FSEC_PASSWORD", CANARY)
    connector_secret("password")
    held, idle, stubborn = Held(factory), Held(factory, task_type_name="idle"), Stubborn(factory)
    with ConnectorServer(connectors=[stubborn, held, idle], grace=1.0) as server:
        with grpc.insecure_channel(server.endpoint) as channel:
            jobs = agent_pb2_grpc.AsyncAgentServiceStub(channel)
            for kind in ("held", "stubborn"):
                jobs.CreateTask(create_request(kind))
        assert held.closed == 0
    assert (held.closed, idle.closed, stubborn.closed) == (1, 0, 1)
    assert "could not be closed" in caplog.text
    assert CANARY not in caplog.text
