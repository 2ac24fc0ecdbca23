"""The component as Dagster loads it from YAML: Dagster's own batteries, state, offline, and a run."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

if not hasattr(dg, "StateBackedComponent"):
    pytest.skip("FlyteProjectComponent needs Dagster 1.12: StateBackedComponent", allow_module_level=True)

import yaml
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType
from dagster.components.testing import create_defs_folder_sandbox
from dagster.components.testing.test_cases import TestOpCustomization as OpCustomizationBattery
from dagster.components.testing.test_cases import TestTranslation as TranslationBattery
from dagster.components.testing.test_cases import TestTranslationBatched as BatchedTranslationBattery
from dagster_support import loading
from support.flyte import DOMAIN, INTEGER, PROJECT, STRING, RawFlyte

from bridge_core import Unavailable
from dagster_integration import FlyteProjectComponent
from dagster_integration._catalog import write_state
from dagster_integration.translator import FlyteEntityProps

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

# Dagster's own way to read YAML, and what it notes about it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
    pytest.mark.filterwarnings("ignore:Accessing `{{automation_condition"),
    pytest.mark.filterwarnings("ignore:Function `ComponentLoadContext.build_defs_at_path` is deprecated"),  # of 1.12
    pytest.mark.filterwarnings("ignore:Class `(LocalFileCodeReference|.*CodeReferences.*)` is currently in beta"),
]
TYPE = "dagster_integration.FlyteProjectComponent"


@contextmanager
def loaded(
    attributes: dict[str, Any], *, refresh: bool = True
) -> Iterator[tuple[FlyteProjectComponent, dg.Definitions]]:
    """The component of a ``defs.yaml``, its state refreshed as `dg utils refresh-defs-state` does it, and its definitions."""
    with (
        loading(DefinitionsLoadContext(load_type=DefinitionsLoadType.INITIALIZATION)),
        create_defs_folder_sandbox() as sandbox,
    ):
        path = sandbox.scaffold_component(
            component_cls=FlyteProjectComponent, defs_yaml_contents={"type": TYPE, "attributes": attributes}
        )
        if refresh:
            with sandbox.build_component_tree() as tree:
                component = tree.load_component(path)
                assert isinstance(component, FlyteProjectComponent)
                asyncio.run(component.refresh_state(sandbox.project_root))
        with sandbox.load_component_and_build_defs(path) as (component, defs):
            assert isinstance(component, FlyteProjectComponent)
            yield component, defs


@pytest.fixture
def attributes_of(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> dict[str, Any]:
    """Attributes for a component of one registered workflow."""
    raw.register(f"{name}.train", {"n": INTEGER, "who": STRING}, description="Trains.")
    workspace = {"endpoint": flyte_sandbox.endpoint, "insecure": True, "project": PROJECT, "domain": DOMAIN}
    return {
        "workspace": workspace,
        "selector": [f"{name}.*"],
        "inputs": {"*": {"n": 3, "x": 1}, f"{name}.train": {"who": "you"}},
    }


class TestTranslation(TranslationBattery):
    def test_translation(
        self, attributes_of: Any, attributes: Any, assertion: Any, key_modifier: Any, name: str
    ) -> None:
        with loaded({**attributes_of, "translation": attributes}) as (_, defs):
            key = dg.AssetKey([name, "train"])
            key = key_modifier(key) if key_modifier else key
            assert assertion(defs.get_assets_def(key).get_asset_spec(key))


class TestTranslationBatched(BatchedTranslationBattery):
    def test_translation(
        self, attributes_of: Any, attributes: Any, assertion: Any, key_modifier: Any, name: str
    ) -> None:
        with loaded({**attributes_of, "translation": attributes}) as (_, defs):
            key = key_modifier(dg.AssetKey([name, "train"]))
            assert assertion(defs.get_assets_def(key).get_asset_spec(key))


class TestOpCustomization(OpCustomizationBattery):
    def test_op_customization(self, attributes_of: Any, attributes: Any, assertion: Any, name: str) -> None:
        with loaded({**attributes_of, "op": attributes}) as (_, defs):
            op = defs.get_assets_def(dg.AssetKey([name, "train"])).op
            assert assertion(
                defs.get_assets_def(dg.AssetKey([name, "train"])) if "backfill_policy" in attributes else op
            )


def test_its_assets_run(
    flyte_sandbox: Sandbox, attributes_of: dict[str, Any], instance: dg.DagsterInstance, name: str
) -> None:
    given = {
        **attributes_of,
        "split": "output",
        "launchpad": True,
        "translation": {"group_name": "{{ workflow.domain }}"},
    }
    with loaded(given) as (_, defs):
        job = defs.resolve_implicit_global_asset_job_def()
        flyte_sandbox.calls.clear()
        run_config = {"ops": {f"{name}_train": {"config": {"who": "me"}}}}
        result = job.execute_in_process(instance=instance, run_config=run_config)
        made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
        assert {one.asset_key.path[-1]: one.metadata[one.asset_key.path[-1]].value for one in made} == {
            "n": 3,
            "who": "me",
        }
        assert {spec.group_name for spec in defs.resolve_all_asset_specs()} == {DOMAIN}
        assert flyte_sandbox.calls.count("CreateExecution") == 1
        assert flyte_sandbox.calls.count("ListLaunchPlanIds") == 0


def test_without_flyte_the_state_of_the_last_time_stays(
    flyte_sandbox: Sandbox, attributes_of: dict[str, Any], name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`dg check defs` and `dg dev` refresh; a Flyte that is away must not take the code location with it."""
    with loaded(attributes_of) as (component, _):
        state = tmp_path / "state"
        component.write_state_to_path(state)
        kept = state.read_text()
        flyte_sandbox.faults.fail("ListWorkflowIds", times=20)
        for method in ("ListLaunchPlanIds", "GetLaunchPlan", "ListNamedEntities"):
            flyte_sandbox.faults.fail(method, times=20)
        component.write_state_to_path(state)
        assert state.read_text() == kept
        assert "the state of the last time stays" in caplog.text
        with pytest.raises(Unavailable, match="planned by sandbox"):
            component.write_state_to_path(tmp_path / "none")
        flyte_sandbox.faults.clear()


def test_without_state_there_are_no_assets_and_nobody_is_asked(
    flyte_sandbox: Sandbox, attributes_of: dict[str, Any]
) -> None:
    flyte_sandbox.calls.clear()
    with loaded(attributes_of, refresh=False) as (_, defs):
        assert list(defs.resolve_all_asset_specs()) == []
    assert len(flyte_sandbox.calls) == 0


def test_what_is_scaffolded_says_where_to_begin() -> None:
    with create_defs_folder_sandbox() as sandbox:
        params = {"endpoint": "flyte.example.com:443", "project": "ml", "domain": "production"}
        path = sandbox.scaffold_component(component_cls=FlyteProjectComponent, scaffold_params=params)
        written = yaml.safe_load((path / "defs.yaml").read_text())
    assert written["attributes"] == {"workspace": params, "selector": ["*"]}


def test_dagster_finds_it_in_its_registry() -> None:
    (found,) = importlib.metadata.entry_points(group="dagster_dg_cli.registry_modules", name="dagster_integration")
    module = found.load()
    from dagster.components.core.package_entry import get_package_objects_in_module

    assert "FlyteProjectComponent" in dict(get_package_objects_in_module(module))


def test_secrets_are_named_and_never_written(monkeypatch: pytest.MonkeyPatch, attributes_of: dict[str, Any]) -> None:
    monkeypatch.setenv("OUR_SECRET", "canary-7b1f")
    workspace = {**attributes_of["workspace"], "client_id": "us", "client_secret_env": "OUR_SECRET"}
    with loaded({**attributes_of, "workspace": workspace}, refresh=False) as (component, _):
        resource = component.workspace.resource()
        assert resource.get_config().auth.client_secret.value == "canary-7b1f"
        assert "canary" not in repr(resource)
        assert "canary" not in repr(component)


def test_thousands_of_workflows_load_from_state_without_asking(tmp_path: Path) -> None:
    found = [FlyteEntityProps.from_dict(
        {"entity": f"launch_plan:p/d/pkg{number}.wf", "version": "v1", "description": "", "inputs": {}, "outputs": {},
         "nodes": {}, "edges": []}
    ) for number in range(300)]  # fmt: skip
    write_state(tmp_path / "state", found)
    made = FlyteProjectComponent.resolve_from_yaml("workspace: {endpoint: '127.0.0.1:1'}")
    defs = made.build_defs_from_state(None, tmp_path / "state")  # type: ignore[arg-type]
    assert len(list(defs.resolve_all_asset_specs())) == 300
