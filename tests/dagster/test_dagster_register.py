"""Dagster registers: as an op, from the resource, and before a run, whose re-executions launch the version of the first try."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_support import Home, until
from support.flyte import INTEGER, STRING, RawFlyte

from bridge_core import ContainerTask, InvalidRequest, LaunchPlan, RegisterRequest
from bridge_core.sandbox import Sandbox
from dagster_integration import FlyteResource, build_flyte_assets, flyte_register_op, flyte_run_op

EXAMPLE = Path(__file__).parents[2] / "examples" / "dagster_register.py"
WRITES = ("CreateTask", "CreateWorkflow", "CreateLaunchPlan", "UpdateLaunchPlan", "CreateExecution")
DEFS = """
import os, sys
import dagster as dg
from bridge_core import ContainerTask
from dagster_integration import FlyteResource, build_flyte_assets

task = ContainerTask(
    name="tests.killed", image="busybox:1.36",
    command=("/bin/sh", "-c", "test $TAG != failing && echo {{.inputs.n}} > /var/outputs/n"),
    inputs={"n": int}, outputs={"n": int}, env={"TAG": os.environ["TAG"]},
)
asset = build_flyte_assets("task:tests.killed", key="killed", inputs={"n": 7}, register=task)
defs = dg.Definitions(
    assets=[asset],
    jobs=[dg.define_asset_job("killed_job", selection="killed", executor_def=dg.in_process_executor)],
    resources={"flyte": FlyteResource(
        endpoint=os.environ["ENDPOINT"], insecure=True, project="flytesnacks", domain="development"
    )},
)


def killed_job():
    return defs.resolve_job_def("killed_job")


if __name__ == "__main__":
    import killed_defs

    options = dg.ReexecutionOptions(parent_run_id=sys.argv[1]) if sys.argv[1:] else None
    with dg.DagsterInstance.get() as instance:
        job = dg.reconstructable(killed_defs.killed_job)
        sys.exit(0 if dg.execute_job(job, instance=instance, reexecution_options=options).success else 3)
"""


@pytest.fixture(scope="module")
def boxes() -> Iterator[Sandbox]:
    with Sandbox(images={"busybox:*": []}) as sandbox:
        RawFlyte(sandbox.endpoint).register("workflows.extract", {"day": STRING, "limit": INTEGER})
        yield sandbox


@pytest.fixture
def flyte(boxes: Sandbox) -> FlyteResource:
    boxes.calls.clear()
    return FlyteResource(endpoint=boxes.endpoint, insecure=True, project="flytesnacks", domain="development")


def task(name: str, tag: str = "1") -> ContainerTask:
    return ContainerTask(
        name=name,
        image="busybox:1.36",
        command=("/bin/sh", "-c", "test {{.inputs.n}} -ge 0 && echo {{.inputs.n}} > /var/outputs/n"),
        inputs={"n": int},
        outputs={"n": int},
        env={"TAG": tag},
    )


def registered(boxes: Sandbox, name: str) -> list[str]:
    return [call.request.id.version for call in boxes.calls.of("CreateTask") if call.request.id.name == name]


def launched(boxes: Sandbox, name: str) -> list[str]:
    calls = boxes.calls.of("CreateExecution")
    return [call.request.spec.launch_plan.version for call in calls if call.request.spec.launch_plan.name == name]


def test_the_example(boxes: Sandbox, flyte: FlyteResource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_PLATFORM_URL", boxes.endpoint)
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    defs: dg.Definitions = runpy.run_path(str(EXAMPLE))["defs"]
    with dg.DagsterInstance.ephemeral() as instance:
        made = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
        assert made.success
        (event,) = made.get_asset_materialization_events()
        metadata = event.step_materialization_data.materialization.metadata
        assert metadata["letters"].value == 10
        (version,) = registered(boxes, "tools.count")
        assert str(metadata["flyte/entity"].value).endswith(f"tools.count@{version}")
        job = defs.resolve_job_def("reports").execute_in_process(instance=instance)
    report = job.output_for_node("flyte_register")
    assert [item["outcome"] for item in report["entities"]] == ["created"]
    assert job.output_for_node("small") == {"day": "2026-11-20", "limit": 10}
    assert launched(boxes, "reports.small") == [report["version"]]


class Job:
    """The job of `DEFS`, in processes of its own."""

    def __init__(self, folder: Path, boxes: Sandbox) -> None:
        (folder / "killed_defs.py").write_text(DEFS)
        self.home = Home(folder / "home", boxes.endpoint, "")
        path = f"{folder}:{self.home.environment['PYTHONPATH']}"
        self.home.environment |= {"ENDPOINT": boxes.endpoint, "PYTHONPATH": path}

    def executed(self, tag: str, *parent: str) -> int:
        """Its exit code, with this code deployed."""
        self.home.environment["TAG"] = tag
        with self.home.process("killed_defs", *parent) as process:
            return process.wait(90)

    def newest(self) -> str:
        """Id of the newest Dagster run."""
        with self.home.instance() as instance:
            return str(instance.get_run_records(limit=1)[0].dagster_run.run_id)


def test_killed_between_registration_and_launch(boxes: Sandbox, flyte: FlyteResource, tmp_path: Path) -> None:
    job = Job(tmp_path, boxes)
    job.home.environment["TAG"] = "first"
    # The look before the launch takes so long that the process dies in it.
    boxes.faults.delay("GetExecution", 45)
    with job.home.process("killed_defs") as process:
        until(lambda: not boxes.faults.pending(), label="the launch begins")
        process.kill()
        process.wait()
    (first,) = registered(boxes, "tests.killed")
    assert launched(boxes, "tests.killed") == []
    parent = job.newest()
    with job.home.instance() as instance:
        run = instance.get_run_by_id(parent)
        assert run is not None
        instance.report_run_failed(run)  # what Dagster's monitoring does when a worker is gone
    assert job.executed("second", parent) == 0, job.home.output()
    assert registered(boxes, "tests.killed") == [first]
    assert launched(boxes, "tests.killed") == [first]


def test_reexecutions_of_a_failed_run_keep_the_version(boxes: Sandbox, flyte: FlyteResource, tmp_path: Path) -> None:
    job = Job(tmp_path, boxes)
    assert job.executed("failing") == 3
    failing = job.newest()
    assert job.executed("third", failing) == 3  # the same code, which fails again
    (first,) = registered(boxes, "tests.killed")
    assert launched(boxes, "tests.killed") == [first, first]
    assert job.executed("third") == 0, job.home.output()  # a new Dagster run
    assert len(registered(boxes, "tests.killed")) == 2
    assert launched(boxes, "tests.killed")[-1] == registered(boxes, "tests.killed")[1] != first


def test_the_resource(boxes: Sandbox, flyte: FlyteResource) -> None:
    report = flyte.register(task("tests.resource"), dry_run=True)
    assert [item.outcome for item in report.entities] == ["created"]
    assert flyte.register(RegisterRequest(task("tests.resource"), version="v1")).version == "v1"
    with pytest.raises(InvalidRequest, match="beside a RegisterRequest"):
        flyte.register(RegisterRequest(task("tests.resource")), version="v2")
    flyte.get_client().close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: build_flyte_assets("task:a", register=RegisterRequest("x", dry_run=True)), "dry_run"),
        (lambda: flyte_run_op("task:a", register=RegisterRequest("x", skip_errors=True)), "skip_errors"),
        (lambda: flyte_register_op("x", copy="some"), "copy: wanted"),
    ],
)
def test_mistakes_are_found_while_definitions_load(make: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        make()


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (flyte_register_op(LaunchPlan("a", "tests.nowhere")), "tests.nowhere"),
        (flyte_register_op("nowhere.py"), "'nowhere.py' is no file"),
        (
            flyte_run_op("task:tests.other", register=task("tests.this")),
            "tests.other is to be launched, and is not among",
        ),
    ],
)
def test_mistakes_fail_for_good_and_write_nothing(
    op: dg.OpDefinition, words: str, boxes: Sandbox, flyte: FlyteResource
) -> None:
    @dg.job(resource_defs={"flyte": flyte}, op_retry_policy=dg.RetryPolicy(max_retries=2))
    def once() -> None:
        op()

    result = once.execute_in_process(raise_on_error=False)
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert words in str(event.step_failure_data.user_failure_data)
    assert sum(boxes.calls.count(method) for method in WRITES) == 0


@pytest.mark.parametrize(
    ("allowed", "more", "message"),
    [
        ({"allowed_projects": ["ml"]}, {}, "registers in ml only (allowed_projects), not in flytesnacks/development"),
        (
            {"allowed_projects": ["flytesnacks/development"]},
            {"domain": "staging"},
            "(allowed_projects), not in flytesnacks/staging",
        ),
        (
            {"allowed_service_accounts": ["ml"]},
            {},
            "registers what uses ml only (allowed_service_accounts), not 'root'",
        ),
    ],
)
def test_what_is_not_allowed_is_not_registered(
    boxes: Sandbox, flyte: FlyteResource, allowed: dict[str, list[str]], more: dict[str, str], message: str
) -> None:
    limited = FlyteResource(
        endpoint=flyte.endpoint, insecure=True, project="flytesnacks", domain="development", **allowed
    )
    source = ContainerTask(name="tests.limited", image="busybox:1.36", command=("true",), service_account="root")
    with pytest.raises(InvalidRequest) as caught:
        limited.register(source, **more)
    assert message in str(caught.value)

    @dg.job(resource_defs={"flyte": limited})
    def job() -> None:
        flyte_register_op(source, **more)()

    asset = build_flyte_assets(
        "task:tests.limited",
        name="limited",
        options={"service_account": "ml"},
        register=RegisterRequest(source, **more),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        made = [
            job.execute_in_process(raise_on_error=False, instance=instance),
            dg.materialize([asset], resources={"flyte": limited}, raise_on_error=False, instance=instance),
        ]
    for result in made:
        (event,) = result.get_step_failure_events()
        failure = event.step_failure_data.user_failure_data
        assert failure is not None
        assert message[message.index("(allowed_") :] in (failure.description or "")
    assert not [call for method in WRITES for call in boxes.calls.of(method)]


def test_what_is_allowed_is_registered(boxes: Sandbox, flyte: FlyteResource) -> None:
    limited = FlyteResource(
        endpoint=flyte.endpoint,
        insecure=True,
        project="flytesnacks",
        domain="development",
        allowed_projects=["flytesnacks/development"],
        allowed_service_accounts=["ml"],
    )
    asset = build_flyte_assets("task:tests.allowed", name="allowed", inputs={"n": 3}, register=task("tests.allowed"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([asset], resources={"flyte": limited}, instance=instance).success
    assert len(registered(boxes, "tests.allowed")) == 1
