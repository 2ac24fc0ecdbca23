"""What of `dagster.asset` a Flyte asset takes, what it refuses while loading, and what a user's function may look like."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import dagster as dg
import postponed_defs
import pytest
from support.flyte import INTEGER, STRING, RawFlyte

from dagster_integration import FlyteResource, build_flyte_assets, flyte_assets
from dagster_integration._arguments import REFUSED, AssetArguments

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def shown(result: dg.ExecuteInProcessResult, node: str) -> dict[str, Any]:
    (materialization,) = result.asset_materializations_for_node(node)
    return {key: value.value for key, value in materialization.metadata.items()}


NEWER = set() if dg.__version__ >= "1.13" else {"is_virtual"}
"""What older lines do not have."""


def test_every_argument_of_dagsters_asset_is_taken_or_refused() -> None:
    """A new release of Dagster with a new argument fails here, and not in a user's run."""
    theirs = {
        name
        for name, parameter in inspect.signature(dg.asset).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert (set(AssetArguments.__annotations__) | set(REFUSED)) - theirs <= NEWER
    assert set(AssetArguments.__annotations__) | set(REFUSED) >= theirs
    assert not set(AssetArguments.__annotations__) & set(REFUSED)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_work_is_refused_while_loading_with_the_way_out(name: str) -> None:
    given: dict[str, Any] = {name: None}
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match=rf"Flyte asset of launch_plan:pkg\.wf: {name}= cannot"
    ) as caught:
        build_flyte_assets("pkg.wf", **given)
    assert REFUSED[name] in str(caught.value)


def test_an_argument_that_does_not_exist_is_named() -> None:
    unknown: dict[str, Any] = {"retry_polices": None}
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match=r"unknown argument retry_polices=; known are .* retry_policy,"
    ):
        build_flyte_assets("pkg.wf", **unknown)


@pytest.mark.filterwarnings("ignore:Parameter `resource_defs`")
def test_arguments_that_do_something_in_a_run_do_it(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    heard: list[str] = []

    @dg.success_hook
    def told(context: dg.HookContext) -> None:
        heard.append(context.op.name)

    asset = build_flyte_assets(
        name,
        name="model",
        inputs=lambda context: {"n": context.op_execution_context.op_config["n"] + context.resources.extra},
        hooks={told},
        config_schema={"n": int},
        required_resource_keys={"extra"},
        resource_defs={"extra": dg.ResourceDefinition.hardcoded_resource(2)},
        pool="flyte",
        op_tags={"who": "me"},
    )
    config = {"ops": {"model": {"config": {"n": 5}}}}
    result = dg.materialize([asset], resources={"flyte": flyte}, instance=instance, run_config=config)
    assert shown(result, "model")["n"] == 7
    assert heard == ["model"]
    assert asset.op.pool == "flyte"
    assert asset.op.tags["who"] == "me"


def test_postponed_annotations_load_and_work(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    """Upstream assets, configuration and resources by their types, one of which only type checkers import; and a
    resource key that is also the name of an upstream asset."""
    raw.register(name, {"n": INTEGER, "who": STRING})
    resources = {"upstream": flyte, "flyte": flyte, "extra": 16, "greeter": postponed_defs.Greeter(who="you")}
    defs = dg.Definitions(assets=postponed_defs.definitions(name), resources=resources)
    dg.Definitions.validate_loadable(defs)
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    assert {key: shown(result, "model")[key] for key in ("n", "who")} == {"n": 42, "who": "you"}
    assert {key: shown(result, "keyed")[key] for key in ("n", "who")} == {"n": 16, "who": "flytesnacks"}
    assert shown(result, "built")["n"] == 1


def test_a_configuration_that_only_type_checkers_know_says_what_to_do() -> None:
    def model(config: Any) -> dict[str, Any]:
        return {}

    model.__annotations__["config"] = "OnlyForCheckers"
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="import its class outside of TYPE_CHECKING"):
        flyte_assets("pkg.wf")(model)


def test_outputs_are_read_by_hand_too(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    from bridge_core import RunRef

    raw.register(name, {"n": INTEGER})
    model = build_flyte_assets(name, key=["ml", "model"], inputs={"n": 3})
    seen = []

    def report(context) -> None:  # type: ignore[no-untyped-def]
        event = context.instance.get_latest_materialization_event(dg.AssetKey(["ml", "model"]))
        ref = RunRef.parse(event.asset_materialization.metadata["flyte/execution"].value)
        seen.append(context.resources.flyte.get_client().outputs(ref)["n"])

    read = dg.asset(deps=[dg.AssetKey(["ml", "model"])], required_resource_keys={"flyte"})(report)
    assert dg.materialize([model, read], resources={"flyte": flyte}, instance=instance).success
    assert seen == [3]


def test_the_workflows_docstring_may_be_the_description(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw.register(name, {}, description="Trains the model.")
    described = build_flyte_assets(f"{name}@v1", name="model", described_by=flyte)
    assert described.get_asset_spec().description == "Trains the model."
    given = build_flyte_assets(f"{name}@v1", name="model", described_by=flyte, description="Mine.")
    assert given.get_asset_spec().description == "Mine."
    assert build_flyte_assets(f"{name}@v1", name="model").get_asset_spec().description == f"Flyte launch_plan:{name}@v1"
    before = flyte_sandbox.calls.count("GetDescriptionEntity")
    build_flyte_assets(f"{name}@v1", name="again", described_by=flyte)
    assert flyte_sandbox.calls.count("GetDescriptionEntity") == before, "once per process"


def test_a_flyte_that_is_away_costs_the_description_and_not_the_code_location(caplog: pytest.LogCaptureFixture) -> None:
    dead = FlyteResource(endpoint="127.0.0.1:1", insecure=True, project="p", domain="d", rpc_timeout=0.3)
    asset = build_flyte_assets("pkg.wf", name="model", described_by=dead)
    assert asset.get_asset_spec().description == "Flyte launch_plan:pkg.wf"
    assert "could not be read, the asset goes without: cannot reach Flyte" in caplog.text
