"""What is registered in Flyte as specs: chosen, translated, kept for the day when Flyte does not answer."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType
from dagster._core.definitions.metadata.metadata_value import CodeLocationReconstructionMetadataValue
from dagster._core.definitions.repository_definition.repository_definition import RepositoryLoadData
from dagster_support import loading
from support.flyte import INTEGER, STRING, RawFlyte, integer

from bridge_core import EntityRef, InputSpec, InvalidRequest
from dagster_integration import (
    FlyteEntityProps,
    FlyteResource,
    FlyteTranslator,
    build_flyte_assets,
    load_flyte_asset_specs,
)
from dagster_integration._catalog import read_state, write_state
from dagster_integration.specs import specs_of

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture
def registered(raw: RawFlyte, name: str) -> str:
    """Three workflows below one name."""
    raw.register(
        f"{name}.train", {"n": INTEGER, "who": STRING}, defaults={"n": integer(3)}, description="Trains.", width=2
    )
    raw.register(f"{name}.extract", {"n": INTEGER})
    raw.register(f"{name}.old.extract", {"n": INTEGER})
    return name


def keys(specs: list[dg.AssetSpec]) -> list[str]:
    return [spec.key.to_user_string() for spec in specs]


def test_what_is_chosen_is_fetched_with_all_that_flyte_says(flyte: FlyteResource, registered: str) -> None:
    found = flyte.fetch_launch_plans([f"{registered}.*", "!*.old.*"])
    assert [props.name for props in found] == [f"{registered}.extract", f"{registered}.train"]
    train = found[1]
    assert (train.project, train.domain, train.version, train.description) == (
        "flytesnacks", "development", "v1", "Trains.",
    )  # fmt: skip
    assert train.inputs["n"] == InputSpec(type="integer", required=False, default=3)
    assert train.outputs == {"n": "integer", "who": "string"}
    assert train.nodes == {"n0": "n0", "n1": "n1"}
    assert [props.name for props in flyte.fetch_workflows(lambda ref: ref.name == f"{registered}.train")] == [
        train.name
    ]
    assert flyte.fetch_tasks(f"{registered}*") == []
    assert flyte.fetch_interface(f"{registered}.train").inputs == train.inputs


def test_specs_by_run_output_and_node(flyte: FlyteResource, registered: str) -> None:
    train = f"{registered}.train"
    (whole,) = load_flyte_asset_specs(flyte, selector=train)
    assert (whole.key.path, whole.description, whole.kinds) == ([registered, "train"], "Trains.", {"flyte"})
    assert whole.metadata["flyte/entity"] == f"launch_plan:flytesnacks/development/{train}"
    assert whole.metadata["flyte/inputs"].value == {"n": "integer", "who": "string"}
    outputs = load_flyte_asset_specs(flyte, selector=train, split="output")
    assert keys(outputs) == [f"{registered}/train/n", f"{registered}/train/who"]
    assert outputs[0].metadata["flyte/output"] == "n"
    nodes = load_flyte_asset_specs(flyte, selector=train, split="node")
    assert [spec.metadata["flyte/node"] for spec in nodes] == ["n0", "n1"]


def test_a_translator_of_functions_and_one_that_overrides(flyte: FlyteResource, registered: str) -> None:
    days = dg.DailyPartitionsDefinition(start_date="2026-01-01")
    translator = FlyteTranslator(
        key=lambda props: ["ml", props.name.rpartition(".")[2]],
        group_name=lambda props: props.domain,
        deps=["raw"],
        metadata={"team": "ml"},
        tags={"tier": "1"},
        owners=["team:ml"],
        kinds={"pytorch"},
        partitions_def=days,
        description=lambda props: f"{len(props.inputs)} inputs",
        checks=lambda props: [dg.AssetCheckSpec("ok", asset=["ml", "train"])],
    )
    (spec,) = load_flyte_asset_specs(flyte, selector=f"{registered}.train", translator=translator)
    assert (spec.key.path, spec.group_name, spec.owners, spec.kinds) == (
        ["ml", "train"], "development", ["team:ml"], {"flyte", "pytorch"},
    )  # fmt: skip
    assert (spec.metadata["team"], spec.tags["tier"], spec.partitions_def) == ("ml", "1", days)
    assert (spec.description, [dep.asset_key.to_user_string() for dep in spec.deps]) == ("2 inputs", ["raw"])
    assert [check.name for check in translator.get_check_specs(flyte.fetch_interface(f"{registered}.train"))] == ["ok"]

    class Ours(FlyteTranslator):
        def get_asset_spec(self, props: FlyteEntityProps) -> dg.AssetSpec:
            return super().get_asset_spec(props).replace_attributes(group_name="ours")

    (spec,) = load_flyte_asset_specs(flyte, selector=f"{registered}.train", translator=Ours())
    assert spec.group_name == "ours"


def test_nodes_wait_for_the_nodes_before_them() -> None:
    props = FlyteEntityProps(
        entity=EntityRef.launch_plan("pkg.wf", project="p", domain="d"),
        nodes={"n0": "take", "n1": "fit"},
        edges=(("n0", "n1"),),
    )
    take, fit = specs_of([props], FlyteTranslator(), "node")
    assert (keys([take, fit]), [dep.asset_key for dep in fit.deps]) == (["pkg/wf/take", "pkg/wf/fit"], [take.key])
    assert list(take.deps) == []


def test_the_specs_can_be_materialized(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, registered: str
) -> None:
    train = f"{registered}.train"
    specs = load_flyte_asset_specs(flyte, selector=train, split="output")
    assets = build_flyte_assets(train, specs=specs, inputs={"who": "you"})
    result = dg.materialize([assets], resources={"flyte": flyte}, instance=instance)
    assert result.success
    made = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key]
    assert made == [f"{registered}/train/n", f"{registered}/train/who"]
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def test_two_entities_of_one_key_are_told_apart_by_a_message(flyte: FlyteResource, registered: str) -> None:
    last = FlyteTranslator(key=lambda props: props.name.rpartition(".")[2])
    with pytest.raises(InvalidRequest, match=r"extract.* and .*extract both became asset 'extract'"):
        load_flyte_asset_specs(flyte, selector=f"{registered}.*", translator=last)


def test_without_flyte_the_last_state_is_used_and_without_one_there_are_no_specs(
    flyte: FlyteResource, registered: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state" / "flyte.json"
    found = load_flyte_asset_specs(flyte, selector=f"{registered}.*", state_file=state)
    dead = FlyteResource(
        endpoint="127.0.0.1:1", insecure=True, project="flytesnacks", domain="development", rpc_timeout=1
    )
    with caplog.at_level(logging.WARNING, "dagster_integration"):
        again = load_flyte_asset_specs(dead, selector=f"{registered}.*", state_file=str(state))
        assert (keys(again), len(again)) == (keys(found), 3)
        assert load_flyte_asset_specs(dead, selector="other") == []
    assert [record.message[:60] for record in caplog.records] == [
        "Flyte cannot be asked for what is registered; using the stat",
        "Flyte cannot be asked for what is registered, and no state w",
    ]


OFFLINE = textwrap.dedent(
    """
    import json, sys

    tried = []

    def refuse(event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            tried.append(event)
            raise AssertionError(f"{event} {arguments}")

    sys.addaudithook(refuse)
    import dagster as dg
    from bridge_core import InterfaceSnapshot
    from dagster_integration import FlyteResource, FlyteRunConfig, build_flyte_assets, load_flyte_asset_specs

    path, train = sys.argv[1:]
    told = []
    for split in ("run", "output", "node"):
        for spec in load_flyte_asset_specs(snapshot=path, selector=train, split=split):
            told.append([spec.key.to_user_string(), spec.description, sorted(spec.metadata),
                         [dep.asset_key.to_user_string() for dep in spec.deps]])
    form = FlyteRunConfig.of(InterfaceSnapshot.read(path).get_entity(train), name="Training")
    asset = build_flyte_assets(train, name="model", config=form)
    flyte = FlyteResource(endpoint="127.0.0.1:1", insecure=True, project="p", domain="d")
    defs = dg.Definitions(assets=[asset], resources={"flyte": flyte})
    job = defs.resolve_implicit_global_asset_job_def()
    fields = job.run_config_schema.config_type.fields["ops"].config_type.fields["model"].config_type.fields["config"]
    assert not tried  # whoever hid the refusal
    print(json.dumps([told, {name: field.config_type.given_name or str(field.config_type.kind)
                             for name, field in fields.config_type.fields.items()}]))
    assert "grpc" not in sys.modules
    """
)


def test_a_snapshot_gives_the_same_specs_and_the_launchpads_form_without_a_network(
    flyte: FlyteResource, registered: str, tmp_path: Path
) -> None:
    train, path = f"{registered}.train", tmp_path / "interfaces.json"
    flyte.get_client().interfaces().write(path)
    expected = [
        [
            spec.key.to_user_string(),
            spec.description,
            sorted(spec.metadata),
            [d.asset_key.to_user_string() for d in spec.deps],
        ]
        for split in ("run", "output", "node")
        for spec in load_flyte_asset_specs(flyte, selector=train, split=split)  # type: ignore[arg-type]
    ]
    assert len(expected) == 1 + 2 + 2
    command = [sys.executable, "-W", "ignore", "-c", OFFLINE, str(path), train]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    told, form = json.loads(done.stdout.splitlines()[-1])
    assert told == expected
    assert sorted(form) == ["n", "who"]
    # A resource may stay where it is; its project and domain are those of the file, or it is another's.
    assert keys(load_flyte_asset_specs(flyte, snapshot=path, selector=train)) == [expected[0][0]]
    other = FlyteResource(endpoint="127.0.0.1:1", insecure=True, project="other", domain="development")
    with pytest.raises(InvalidRequest, match=r"it is of project 'flytesnacks', and project='other' is asked for"):
        load_flyte_asset_specs(other, snapshot=path)
    with pytest.raises(InvalidRequest, match=r"launch plans and tasks; ask for kind='launch_plan'"):
        load_flyte_asset_specs(snapshot=path, kind="workflow")
    with pytest.raises(InvalidRequest, match=r"nosuch.json: No such file"):
        load_flyte_asset_specs(snapshot=tmp_path / "nosuch.json")
    with pytest.raises(InvalidRequest, match="leave out state_file="):
        load_flyte_asset_specs(snapshot=path, state_file=tmp_path / "state")
    with pytest.raises(InvalidRequest, match="wanted a FlyteResource, or snapshot="):
        load_flyte_asset_specs()


def test_a_state_of_another_kind_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state").write_text(json.dumps({"format": 99}))
    with pytest.raises(InvalidRequest, match="not what this release keeps"):
        read_state(tmp_path / "state")


def test_processes_of_runs_ask_nobody(flyte_sandbox: Sandbox, flyte: FlyteResource, registered: str) -> None:
    """As Dagster does it: what was found when the code location loaded is handed to the processes of its runs."""
    with loading(DefinitionsLoadContext(load_type=DefinitionsLoadType.INITIALIZATION)) as load:
        found = load_flyte_asset_specs(flyte, selector=f"{registered}.*")
        told = load.get_pending_reconstruction_metadata()
    flyte_sandbox.calls.clear()
    wrapped = {key: CodeLocationReconstructionMetadataValue(text) for key, text in told.items()}
    data = RepositoryLoadData(cacheable_asset_data={}, reconstruction_metadata=wrapped)
    context = DefinitionsLoadContext(load_type=DefinitionsLoadType.RECONSTRUCTION, repository_load_data=data)
    with loading(context):
        assert keys(load_flyte_asset_specs(flyte, selector=f"{registered}.*")) == keys(found)
    assert len(flyte_sandbox.calls) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"selector": 3}, "selector"),
        ({"selector": ["!"]}, "selector: wanted patterns"),
        ({"split": "task"}, "split: wanted one"),
    ],
)
def test_what_cannot_be_read_is_refused(flyte: FlyteResource, given: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        load_flyte_asset_specs(flyte, **given)


def test_what_is_kept_comes_back_as_it_was_for_thousands(tmp_path: Path) -> None:
    found = [
        FlyteEntityProps(
            entity=EntityRef.launch_plan(f"pkg{number}.wf", project="p", domain="d"),
            version="v1",
            inputs={"n": InputSpec(type="integer", required=True)},
            outputs={"o0": "float"},
            nodes={"n0": "fit"},
        )
        for number in range(3000)
    ]
    write_state(tmp_path / "state", found)
    assert read_state(tmp_path / "state") == found
    assert len(specs_of(found, FlyteTranslator(), "run")) == 3000
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
