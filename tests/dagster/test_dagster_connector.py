"""Dagster runs as Flyte tasks: a real webserver, its daemon, and the embedded Flyte that asks through the real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster_support import Home, Webserver, served, until

from bridge_core import Client, ConnectorTask, InvalidRequest, LaunchRequest, NotFound, RunFailed, RunPhase, Unavailable
from bridge_core.connector import (
    ConnectorServer,
    TaskExecutionMetadata,
    TaskPhase,
    run_connector_task,
)
from bridge_core.sandbox import Sandbox
from bridge_core.testing import check_connector
from dagster_integration.connectors.dagster import DagsterJob, DagsterJobConnector

pytestmark = pytest.mark.long  # a whole stack of its own, minutes long

RETRIES = """
run_retries: {enabled: true}
"""
CONFIG = {"ops": {"report": {"config": {"day": "{{inputs.day}}", "n": "{{inputs.n}}"}}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def dagster(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    home = Home(
        tmp_path_factory.mktemp("dagster") / "home", "", "", settings=RETRIES, TEST_CONNECTOR_FOLDER=str(folder)
    )
    with served(home, daemon=True, modules=("connector_defs",)) as webserver:
        yield webserver


@pytest.fixture(scope="module")
def connector(dagster: Webserver) -> Iterator[DagsterJobConnector]:
    made = DagsterJobConnector(dagster.url)
    yield made
    made.close()


def report(**outputs: Any) -> ConnectorTask:
    return ConnectorTask(
        name="tests.report",
        task_type="dagster_job",
        custom={"job": "report_job", "run_config": CONFIG},
        inputs={"day": str, "n": int},
        outputs=outputs,
    )


def test_outputs_are_metadata_of_what_the_run_materialised(connector: DagsterJobConnector) -> None:
    task = report(rows=int, share=float, day=str, big=int, ok=bool, parts=dict)
    found = run_connector_task(task, {"day": "2026-11-28", "n": 4}, connector=connector, progress=False)
    assert found == {"rows": 40, "share": 0.5, "day": "2026-11-28", "big": 2**40, "ok": True, "parts": {"a": [1, 2]}}


def test_the_rules_of_connectors(connector: DagsterJobConnector, dagster: Webserver, folder: Path) -> None:
    check_connector(
        connector,
        report(rows=int),
        {"day": "x", "n": 0},
        count=lambda: len(dagster.runs()),
        finish=lambda meta: (folder / f"{meta.run_id}.go").touch(),
        unknown=DagsterJob("00000000-0000-0000-0000-000000000000"),
        timeout=120,
    )


def test_a_failure_says_where_and_may_be_tried_again(connector: DagsterJobConnector) -> None:
    with pytest.raises(RunFailed, match=r"RETRYABLE_FAILED: run [-0-9a-f]+ failed in report\. Dagster: http"):
        run_connector_task(report(), {"day": "x", "n": -1}, connector=connector, progress=False)


def test_an_output_that_nothing_has_is_a_failure(connector: DagsterJobConnector) -> None:
    with pytest.raises(RunFailed, match="no materialisation has metadata 'other'"):
        run_connector_task(report(other=int), {"day": "x", "n": 1}, connector=connector, progress=False)


def test_a_retry_of_dagster_is_followed(connector: DagsterJobConnector) -> None:
    task = ConnectorTask(name="tests.once", task_type="dagster_job", custom={"job": "once_job"}, outputs={"rows": int})
    assert run_connector_task(task, connector=connector, progress=False) == {"rows": 7}


def test_partitions_of_assets_in_one_run_and_in_a_backfill(connector: DagsterJobConnector, dagster: Webserver) -> None:
    one = ConnectorTask(
        name="tests.lettered",
        task_type="dagster_job",
        custom={"assets": ["lettered"], "partition": "{{inputs.letter}}", "outputs": {"which": "lettered:letter"}},
        inputs={"letter": str},
        outputs={"which": str},
    )
    assert run_connector_task(one, {"letter": "b"}, connector=connector, progress=False) == {"which": "b"}
    several = ConnectorTask(
        name="tests.letters",
        task_type="dagster_job",
        custom={"assets": ["lettered"], "partitions": "{{inputs.letters}}"},
        inputs={"letters": list[str]},
    )
    whose = TaskExecutionMetadata.of("p", "d", "backfill")
    for _ in range(2):
        assert (
            run_connector_task(
                several, {"letters": ["a", "c"]}, connector=connector, task_execution_metadata=whose, progress=False
            )
            == {}
        )
    found = dagster.ask("{ partitionBackfillsOrError { ... on PartitionBackfills { results { id } } } }")
    assert len(found["partitionBackfillsOrError"]["results"]) == 1


@pytest.mark.parametrize(
    ("custom", "error", "text"),
    [
        ({"job": "nowhere"}, NotFound, "no code location with job 'nowhere'"),
        ({}, InvalidRequest, "must name a job or assets"),
        ({"job": "report_job", "run_config": {"ops": {}}}, InvalidRequest, "report"),
        ({"job": "report_job", "jobb": 1}, InvalidRequest, "jobb, which dagster_job does not know"),
        ({"job": "{{inputs.other}}"}, InvalidRequest, "names input 'other'"),
    ],
)
def test_settings_that_cannot_be(
    connector: DagsterJobConnector, custom: dict[str, Any], error: type[Exception], text: str
) -> None:
    task = ConnectorTask(name="tests.wrong", task_type="dagster_job", custom=custom)
    with pytest.raises(error, match=text):
        run_connector_task(task, connector=connector, progress=False)


def test_dagster_that_is_away_is_no_failed_run() -> None:
    away = DagsterJobConnector("http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="could not be asked"):
        away.get(DagsterJob("1"))
    away.close()


def test_from_flyte_with_outputs_and_an_abort(
    connector: DagsterJobConnector, dagster: Webserver, folder: Path, flyte_sandbox: Sandbox
) -> None:
    with ConnectorServer(connectors=[connector], grace=1.0) as server, Client(flyte_sandbox.config()) as flyte:
        flyte_sandbox.connectors.add(server.endpoint)
        (entity,) = flyte.register([report(rows=int)]).entities
        ref = flyte.launch(LaunchRequest(entity.ref, inputs={"day": "x", "n": 3}))
        flyte.wait(ref, timeout=120).raise_for_phase()
        assert flyte.outputs(ref)["rows"] == 30
        (link,) = flyte.logs(ref)
        assert link.uri.startswith(f"{dagster.url}/runs/")
        before = {run["runId"] for run in dagster.runs()}
        held = flyte.launch(LaunchRequest(entity.ref, inputs={"day": "x", "n": 0}))
        run_id = until(lambda: next((r["runId"] for r in dagster.runs() if r["runId"] not in before), None))
        until(lambda: dagster.run(run_id)["status"] == "STARTED")
        flyte.abort(held, reason="enough")
        assert dagster.finished(run_id)["status"] == "CANCELED"
        assert flyte.wait(held).phase is RunPhase.ABORTED
        assert connector.get(DagsterJob(run_id)).phase is TaskPhase.ABORTED
