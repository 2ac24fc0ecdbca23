"""The example, run by Dagster's own command line as a user would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster_support import Home, runs_of
from support.flyte import INTEGER, STRING, RawFlyte

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

EXAMPLE = Path(__file__).parents[2] / "examples" / "dagster_run_workflow.py"


def test_the_example_materializes_a_day(flyte_sandbox: Sandbox, raw: RawFlyte, tmp_path: Path) -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 60
    raw.register("workflows.extract", {"day": STRING, "limit": INTEGER}, version="dagster")
    raw.register("workflows.train", {"day": STRING, "epochs": INTEGER}, version="dagster")
    home = Home(tmp_path / "home", flyte_sandbox.endpoint, "")
    home.environment |= {"FLYTE_PLATFORM_URL": flyte_sandbox.endpoint, "FLYTE_PLATFORM_INSECURE": "true"}
    command = ("asset", "materialize", "-f", str(EXAMPLE), "--select", "*", "--partition", "2026-01-05")
    with home.process("dagster", *command) as process:
        assert process.wait(90) == 0, home.output()
    with home.instance() as instance:
        for key, shown in (("extract", {"limit": 100}), ("train", {"epochs": 3})):
            event = instance.get_latest_materialization_event(dg.AssetKey(key))
            assert event is not None
            assert event.asset_materialization is not None
            metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
            assert metadata.items() >= {"day": "2026-01-05", **shown}.items()
            assert event.asset_materialization.partition == "2026-01-05"
    assert flyte_sandbox.calls.count("CreateExecution") == 2
    (run,) = [item for item in runs_of(raw, "workflows.train") if item.spec.launch_plan.version == "dagster"]
    assert run.spec.labels.values["team"] == "forecasting"
