"""The shorter examples, loaded as Dagster loads them, and materialized in this process."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from support.flyte import INTEGER, STRING, RawFlyte

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def definitions(flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the definitions of an example, whose Flyte is the sandbox."""
    monkeypatch.setenv("FLYTE_PLATFORM_URL", flyte_sandbox.endpoint)
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    raw = RawFlyte(flyte_sandbox.endpoint)
    raw.register("workflows.extract", {"day": STRING, "limit": INTEGER}, version="dagster")
    raw.register("workflows.train", {"day": STRING, "epochs": INTEGER}, version="dagster")

    def load(name: str) -> dg.Definitions:
        found: dg.Definitions = runpy.run_path(str(EXAMPLES / name))["defs"]
        return found

    return load


def shown(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {one.asset_key.to_user_string(): {name: value.value for name, value in one.metadata.items()} for one in made}


def materialize(defs: dg.Definitions, instance: dg.DagsterInstance, **more: Any) -> dict[str, dict[str, Any]]:
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance, **more)
    assert result.success
    return shown(result)


def test_several_assets_of_one_run(definitions: Any, instance: dg.DagsterInstance, flyte_sandbox: Sandbox) -> None:
    made = materialize(definitions("dagster_several_assets.py"), instance)
    assert made["report"]["summary"] == "trained for 2026-11-20 in 3 epochs"
    assert flyte_sandbox.calls.count("CreateExecution") == 1
