"""Every expression of the dashboard and of the alerts, evaluated by a real Prometheus that scrapes a real scheduler."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.deploy_files import DEPLOY
from support.ports import free_ports
from support.prometheus import program
from support.schedules import Stage

from bridge_core.scheduler import Clock, Scheduler

DASHBOARD = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())
ORCHESTRATORS = json.loads((DEPLOY / "monitoring" / "orchestrators.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())
PANELS = [
    pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
RULES = [
    pytest.param(rule["expr"], id=rule["alert"])
    for group in ALERTS["groups"]
    if group["name"] == "flyte-bridge-scheduler"  # what others tell, their own tests look at
    for rule in group["rules"]
]
EVERY_SECOND = "triggers:\n  - {name: t, entity: WF, every: 1s, inputs: {at: $trigger_time}}\n"


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def value(self, expression: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=expression)["result"]
        return found


@pytest.fixture
def scheduler(stage: Stage) -> Iterator[Scheduler]:
    with Scheduler(stage.client, stage.write(EVERY_SECOND), clock=Clock(), http_port=0) as scheduler:
        yield scheduler.start()


@pytest.fixture
def prometheus(scheduler: Scheduler, tmp_path: Path) -> Iterator[Prometheus]:
    assert scheduler.url is not None
    (port,) = free_ports(1)
    target = scheduler.url.removeprefix("http://")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "monitoring" / "alerts.yaml")],
        "scrape_configs": [
            {
                "job_name": "scheduler",
                "static_configs": [{"targets": [target], "labels": {"namespace": "team-a"}}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [program("prometheus"), f"--config.file={tmp_path}/prometheus.yml"]
    command += [f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(command, cwd=tmp_path) as process:
        found = Prometheus(f"http://127.0.0.1:{port}")
        try:
            while not _answers(found):
                assert process.poll() is None
                time.sleep(0.1)
            yield found
        finally:
            process.terminate()
            process.wait()


def _answers(found: Prometheus) -> bool:
    """Scraped often enough for a rate of what was launched."""
    try:
        rate = found.value('rate(flyte_bridge_scheduler_late_seconds_count{job="scheduler"}[1m]) > 0')
    except OSError:
        return False
    return bool(rate)


@pytest.mark.full
def test_expressions(prometheus: Prometheus) -> None:
    for parameter in PANELS:
        expression = parameter.values[0].replace("$__rate_interval", "1m").replace("$job", ".*")
        found = prometheus.value(expression)
        assert found, f"{parameter.id}: nothing is shown by {expression}"
        assert not any(one["value"][1] == "NaN" for one in found), f"{parameter.id}: {expression}"
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == sum(len(group["rules"]) for group in ALERTS["groups"])
    for rule in rules:
        assert (rule["health"], rule.get("lastError", ""), rule["state"]) == ("ok", "", "inactive"), rule["name"]


@pytest.mark.parametrize("expression", [*PANELS, *RULES])
def test_every_metric_of_an_expression_is_on_the_page(expression: str, stage: Stage) -> None:
    with Scheduler(stage.client, stage.write(EVERY_SECOND), clock=stage.clock) as scheduler:
        page = scheduler.metrics.text()
    series = {re.split(r"[{ ]", line)[0] for line in page.splitlines() if not line.startswith("#")}
    named = set(re.findall(r"flyte_bridge_scheduler_\w+", expression))
    assert named
    assert named <= series
    for label, value in re.findall(r'(outcome|reason|result)="(\w+)"', expression):
        assert f'{label}="{value}"' in page


@pytest.mark.parametrize(
    ("name", "package"), [("airflow_flyte_", "airflow_provider"), (r"\bflyte_", "dagster_integration")]
)
def test_what_orchestrators_panels_and_alerts_ask_for_is_counted_there(name: str, package: str) -> None:
    """Whether a number comes of it: the tests of their alerts."""
    sent = set()
    for path in (DEPLOY.parent / package).rglob("*.py"):
        text = path.read_text()
        for call in re.findall(r"(?:count|gauge|counter)\(([^)]*)", text):
            sent |= set(re.findall(r'"(?:flyte\.)?(\w+)"', call))
    asked = {target["expr"] for panel in ORCHESTRATORS["panels"] for target in panel["targets"]}
    asked |= {rule["expr"] for group in ALERTS["groups"][1:] for rule in group["rules"]}
    named = {word.removesuffix("_total") for expression in asked for word in re.findall(rf"{name}(\w+)", expression)}
    assert len(named) > 5
    assert named <= sent


@pytest.mark.parametrize("dashboard", [DASHBOARD, ORCHESTRATORS], ids=["scheduler", "orchestrators"])
def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            assert x < 24
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
