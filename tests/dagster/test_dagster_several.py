"""Several assets of one run: one launch, a result for each that was chosen, checks by outputs, outputs as values downstream.

No ``from __future__ import annotations``: Dagster reads the annotations of assets.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from flyteidl.admin import common_pb2, launch_plan_pb2
from flyteidl.admin import workflow_pb2 as admin_workflow_pb2
from flyteidl.core import identifier_pb2, interface_pb2, literals_pb2, types_pb2, workflow_pb2
from support.flyte import BOOLEAN, DOMAIN, FILE, INTEGER, PROJECT, STRING, STRUCT, RawFlyte

from bridge_core import EntityRef, FileRef, InvalidRequest, LaunchRequest, RunOutputs
from dagster_integration import FlyteIOManager, FlyteResource, build_flyte_assets, flyte_assets

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def run(flyte: FlyteResource, instance: dg.DagsterInstance, *assets: Any, **more: Any) -> dg.ExecuteInProcessResult:
    more.setdefault("resources", {"flyte": flyte})
    return dg.materialize(list(assets), instance=instance, raise_on_error=False, **more)


def told(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Asset -> metadata of its materialization."""
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {one.asset_key.to_user_string(): {name: value.value for name, value in one.metadata.items()} for one in made}


def why(result: dg.ExecuteInProcessResult, step: str) -> str:
    (event,) = [event for event in result.get_step_failure_events() if event.step_key == step]
    data = event.step_failure_data
    if data.user_failure_data is not None:
        return data.user_failure_data.description or ""
    return data.error_display_string


def test_one_run_makes_an_asset_for_each_output(
    flyte_sandbox: "Sandbox", raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "who": STRING, "ok": BOOLEAN})
    both = build_flyte_assets(
        name,
        inputs={"n": 3, "who": "you", "ok": True},
        outputs={"n": dg.AssetSpec("number", owners=["team:ml"], kinds={"pytorch"}), "who": ["people", "who"]},
        group_name="ml",
        tags={"tier": "1"},
        deps=["before"],
    )
    spec = both.specs_by_key[dg.AssetKey("number")]
    assert spec.kinds == {"flyte", "pytorch"}
    assert (spec.group_name, spec.owners, spec.tags["tier"]) == ("ml", ["team:ml"], "1")
    assert [dep.asset_key.to_user_string() for dep in spec.deps] == ["before"]
    result = run(flyte, instance, both)
    assert result.success
    shown = told(result)
    assert set(shown) == {"number", "people/who"}
    assert (shown["number"]["n"], shown["number"]["flyte/output"]) == (3, "n")
    assert "who" not in shown["number"]
    assert shown["people/who"]["who"] == "you"
    assert shown["number"]["flyte/execution"] == shown["people/who"]["flyte/execution"]
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert flyte_sandbox.calls.count("GetExecutionData") == 1


def test_those_that_were_chosen_are_reported_and_the_run_is_the_same(
    flyte_sandbox: "Sandbox", raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "who": STRING})

    @flyte_assets(name, outputs={"n": "number", "who": "who"}, partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def both(context: dg.AssetExecutionContext) -> dict[str, Any]:
        return {"n": 3, "who": context.partition_key}

    result = run(flyte, instance, both, selection=["who"], partition_key="b")
    assert result.success
    assert {key: shown["who"] for key, shown in told(result).items()} == {"who": "b"}
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def test_a_failed_run_makes_none_of_them(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str, flyte_sandbox: "Sandbox"
) -> None:
    flyte_sandbox.stub(name, inputs={"n": int}, outputs={"o0": 1, "o1": 2}, fail_times=1)
    both = build_flyte_assets(name, inputs={"n": 3}, outputs={"o0": "one", "o1": "two"})
    result = run(flyte, instance, both)
    assert not result.success
    assert told(result) == {}


@pytest.mark.parametrize(("value", "passed"), [(True, True), (False, False), ({"passed": True, "rows": 9}, True)])
def test_an_output_decides_a_check(
    *, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str, value: Any, passed: bool
) -> None:
    raw.register(name, {"n": INTEGER, "ok": STRUCT if isinstance(value, dict) else BOOLEAN})
    model = build_flyte_assets(
        name, inputs={"n": 3, "ok": value}, outputs={"n": "model", "ok": dg.AssetCheckSpec("accurate", asset="model")}
    )
    result = run(flyte, instance, model)
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == ("accurate", passed)
    assert set(told(result)) == {"model"}
    if isinstance(value, dict):
        assert evaluation.metadata["rows"].value == 9


def test_a_check_that_says_neither_yes_nor_no_is_no_success(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    check = dg.AssetCheckSpec("accurate", asset="model", metadata={"flyte/output": "n"})
    model = build_flyte_assets(name, inputs={"n": 3}, specs=[dg.AssetSpec("model"), check])
    result = run(flyte, instance, model)
    assert "output 'n' decides check 'accurate', and must be a boolean" in why(result, model.op.name)


def test_an_asset_may_be_a_node_of_the_run(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, flyte_sandbox: "Sandbox", name: str
) -> None:
    flyte_sandbox.stub(f"{name}.task", inputs={"n": int}, outputs={"o0": 5})
    one_node(raw, name, f"{name}.task")
    specs = [
        dg.AssetSpec("whole"),
        dg.AssetSpec("part", deps=["whole"], metadata={"flyte/node": "n0", "flyte/output": "o0"}),
    ]
    both = build_flyte_assets(name, inputs={"n": 3}, specs=specs)

    @dg.asset
    def after(part: int) -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"part": part})

    result = run(flyte, instance, both, after)
    assert result.success, [event.event_specific_data for event in result.get_step_failure_events()]
    shown = told(result)
    assert (shown["part"]["flyte/node"], shown["part"]["o0"], shown["after"]["part"]) == ("n0", 5, 5)


def test_an_output_that_is_not_there_is_named(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    result = run(flyte, instance, both := build_flyte_assets(name, inputs={"n": 3}, outputs={"m": "model"}))
    assert "has no output 'm', which 'model' is made of; it has n" in why(result, both.op.name)


def one_node(raw: RawFlyte, name: str, task: str) -> None:
    """Registers a workflow of one node, which runs the task, and has no outputs of its own."""

    def of(kind: int, called: str, version: str) -> Any:
        return identifier_pb2.Identifier(
            resource_type=kind, project=PROJECT, domain=DOMAIN, name=called, version=version
        )

    listed = raw.admin("ListTasks", common_pb2.ResourceListRequest(id=common_pb2.NamedEntityIdentifier(
        project=PROJECT, domain=DOMAIN, name=task), limit=1))  # fmt: skip
    node = workflow_pb2.Node(id="n0", metadata=workflow_pb2.NodeMetadata(name="n0"))
    node.task_node.reference_id.CopyFrom(listed.tasks[0].id)
    promise = types_pb2.OutputReference(node_id="start-node", var="n")
    node.inputs.add(var="n", binding=literals_pb2.BindingData(promise=promise))
    variables = interface_pb2.VariableMap(variables={"n": interface_pb2.Variable(type=INTEGER)})
    interface = interface_pb2.TypedInterface(inputs=variables, outputs=interface_pb2.VariableMap())
    made = of(identifier_pb2.WORKFLOW, name, "v1")
    template = workflow_pb2.WorkflowTemplate(id=made, interface=interface, nodes=[node])
    spec = admin_workflow_pb2.WorkflowSpec(template=template)
    raw.admin("CreateWorkflow", admin_workflow_pb2.WorkflowCreateRequest(id=made, spec=spec))
    plan = launch_plan_pb2.LaunchPlanSpec(workflow_id=made)
    plan.default_inputs.parameters["n"].var.type.CopyFrom(INTEGER)
    plan.default_inputs.parameters["n"].required = True
    plan_id = of(identifier_pb2.LAUNCH_PLAN, name, "v1")
    raw.admin("CreateLaunchPlan", launch_plan_pb2.LaunchPlanCreateRequest(id=plan_id, spec=plan))


@dataclass
class Size:
    height: int


def test_outputs_are_values_downstream(
    flyte_sandbox: "Sandbox", raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    numbers = types_pb2.LiteralType(collection_type=INTEGER)
    raw.register(name, {"n": numbers, "size": STRUCT, "where": FILE})
    given = {"n": [1, 2], "size": {"height": 4}, "where": FileRef(uri="s3://b/k")}
    several = build_flyte_assets(name, inputs=given, outputs={"n": "numbers", "size": "size"})
    whole = build_flyte_assets(name, name="whole", inputs=given)
    seen: dict[str, Any] = {}

    @dg.asset
    def after(numbers: list[int], size: Size, whole: RunOutputs) -> None:
        seen.update(numbers=numbers, size=size, whole=whole)

    @dg.asset(ins={"where": dg.AssetIn("whole", metadata={"flyte/output": "where"})})
    def after_too(where) -> None:  # type: ignore[no-untyped-def]
        seen.update(where=where)

    result = run(flyte, instance, several, whole, after, after_too)
    assert result.success, why(result, "after")
    assert (seen["numbers"], seen["size"], seen["where"].uri) == ([1, 2], Size(4), "s3://b/k")
    assert sorted(seen["whole"]) == ["n", "size", "where"]


DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-01-04")


def test_partitions_are_values_downstream(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"day": STRING})
    extract = build_flyte_assets(
        name, name="extract", partitions_def=DAYS, inputs=lambda context: {"day": context.partition_key}
    )
    seen: list[Any] = []

    @dg.asset(partitions_def=DAYS)
    def each(extract: str) -> None:
        seen.append(extract)

    @dg.asset
    def all_of_them(extract: dict[str, str]) -> None:
        seen.append(extract)

    for day in DAYS.get_partition_keys():
        assert run(flyte, instance, extract, each, selection=["extract", "each"], partition_key=day).success
    assert seen == ["2026-01-01", "2026-01-02", "2026-01-03"]
    result = run(flyte, instance, extract, all_of_them, selection=["all_of_them"])
    assert result.success, why(result, "all_of_them")
    assert seen[3] == {day: day for day in DAYS.get_partition_keys()}


def test_what_was_never_materialized_has_no_value(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    model = build_flyte_assets(name, name="model")

    @dg.asset
    def after(model) -> None: ...  # type: ignore[no-untyped-def]

    result = run(flyte, instance, model, after, selection=["after"])
    assert "asset 'model' was never materialized" in why(result, "after")


@pytest.mark.filterwarnings(
    "ignore:InitResourceContext.dagster_run is deprecated"
)  # Dagster's own, of nested resources
def test_assets_that_others_materialize_are_read_by_the_io_manager(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    with flyte.get_client() as client:
        ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 8}))
        client.wait(ref, poll_interval=0.05)
    foreign = dg.AssetSpec("foreign").with_io_manager_key("flyte_io")
    instance.report_runless_asset_event(dg.AssetMaterialization("foreign", metadata={"flyte/execution": str(ref)}))
    seen: list[int] = []

    @dg.asset
    def after(foreign: int) -> None:
        seen.append(foreign)

    resources = {"flyte_io": FlyteIOManager(flyte=flyte)}
    assert run(flyte, instance, foreign, after, resources=resources, selection=["after"]).success
    assert seen == [8]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outputs": {"o0": "a"}, "specs": [dg.AssetSpec("a")]}, "give outputs= or specs=, not both"),
        ({"outputs": {}}, "at least one asset must come of the run"),
        ({"outputs": {"ok": dg.AssetCheckSpec("c", asset="a")}}, "at least one asset must come of the run"),
        ({"specs": [dg.AssetSpec("a"), dg.AssetCheckSpec("c", asset="a")]}, "must name its output"),
        ({"specs": ["a"]}, "specs must be AssetSpecs and AssetCheckSpecs, got str"),
    ],
)
def test_pieces_that_cannot_be_are_refused_while_loading(given: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        build_flyte_assets("pkg.wf", **given)


def test_what_is_of_one_asset_is_refused_for_several() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="key= is of one asset"):
        build_flyte_assets("pkg.wf", key="model", outputs={"o0": "a"})
