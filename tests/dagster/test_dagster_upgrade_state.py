"""What Dagster keeps for us, written by one release and read by the other: cursors, state of components, events, values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.flyte import INTEGER, STRING, RawFlyte
from support.releases import Release, both

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = [pytest.mark.upgrade, pytest.mark.timeout(400)]

BEGIN = """
import json, sys
from pathlib import Path
import dagster as dg
from bridge_core import Client, EntityRef, LaunchRequest
from dagster_integration import FlyteResource
import dagster_integration
home, endpoint, entity, *more = sys.argv[1:]
cursor = Path(home, "cursor")
place = {"project": "flytesnacks", "domain": "development"}
flyte = FlyteResource(endpoint=endpoint, insecure=True, **place)

def tick(sensor, instance):
    kept = cursor.read_text() if cursor.exists() else None
    with dg.build_sensor_context(instance=instance, cursor=kept, resources={"flyte": flyte}) as context:
        data = sensor.evaluate_tick(context)
    cursor.write_text(data.cursor)
    return data
"""
REAPER = """
from dagster_integration import build_flyte_assets, build_flyte_reaper_sensor
with dg.DagsterInstance.local_temp(home) as instance:
    if more[0] == "launch":
        model = build_flyte_assets(entity, name="model", inputs={"n": 3}, timeout=0.2, poll_interval=0.1)
        done = dg.materialize([model], resources={"flyte": flyte}, instance=instance, raise_on_error=False)
        assert not done.success
    print(tick(build_flyte_reaper_sensor(failed_after=float(more[1])), instance).skip_message)
"""
RUNS = """
from dagster_integration import build_flyte_run_sensor
sensor = build_flyte_run_sensor({entity: "model"}, partition=lambda run: run.inputs["day"], lookback=3600)
with dg.DagsterInstance.local_temp(home) as instance:
    if more[0] == "begin":
        tick(sensor, instance)
    with flyte.get_client() as client:
        for day in more[1:]:
            client.wait(client.launch(LaunchRequest(EntityRef.launch_plan(entity), inputs={"day": day})), poll_interval=0.02)
    told = tick(sensor, instance).asset_events
    print(json.dumps([[event.partition, str(event.metadata["flyte/run_name"].value)] for event in told]))
"""
COMPONENT = """
from dagster_integration import FlyteProjectComponent, load_flyte_asset_specs
from dagster_integration.component import FlyteWorkspace
workspace = FlyteWorkspace(endpoint=endpoint, insecure=True, **place)
component = FlyteProjectComponent(workspace=workspace, selector=[entity + "*"], launchpad=True, inputs={"*": {"who": "you"}})
state, specs = Path(home, "state.json"), Path(home, "specs.json")
if more[0] == "write":
    component.write_state_to_path(state)
    load_flyte_asset_specs(flyte, selector=[entity + "*"], state_file=specs)
else:
    flyte = FlyteResource(endpoint="127.0.0.1:9", insecure=True, **place)
found = component.build_defs_from_state(None, state)
schema = {}
for asset in found.assets:
    schema[asset.key.to_user_string()] = [sorted(asset.op.config_schema.as_field().config_type.fields), asset.op.name]
kept = load_flyte_asset_specs(flyte, selector=[entity + "*"], state_file=specs)
print(json.dumps([schema, sorted(spec.key.to_user_string() for spec in kept)]))
"""
VALUES = """
from dagster_integration import build_flyte_assets
model = build_flyte_assets(entity, name="model", inputs={"n": 3, "who": "you"})

@dg.asset
def report(context, model):
    context.add_output_metadata({"found": json.dumps(dict(model), sort_keys=True)})

with dg.DagsterInstance.local_temp(home) as instance:
    wanted = ["model"] if more[0] == "make" else ["report"]
    done = dg.materialize([model, report], selection=wanted, resources={"flyte": flyte}, instance=instance)
    (event,) = done.get_asset_materialization_events()
    (key,) = wanted
    print(json.dumps({name: str(one.value) for name, one in event.materialization.metadata.items()}))
"""


class Pair:
    """Two releases on one home."""

    def __init__(self, way: str, folder: Path, sandbox: Sandbox, entity: str, *, newest: bool) -> None:
        pair = both(newest=newest)
        self.first, self.second = pair if way == "upgrade" else pair[::-1]
        self._folder, self._sandbox, self._entity = folder, sandbox, entity

    def run(self, release: Release, code: str, *arguments: str) -> Any:
        """The last line that this code prints: as JSON, where it is some."""
        given = (str(self._folder), self._sandbox.endpoint, self._entity, *arguments)
        last = release.python(BEGIN + code, *given, cwd=self._folder).splitlines()[-1]
        return json.loads(last) if last[0] in "[{" else last

    @property
    def cursor(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._folder / "cursor").read_text())
        return found


@pytest.fixture(params=["upgrade", "rollback"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def oldest(way: str, flyte_sandbox: Sandbox, name: str, tmp_path: Path) -> Pair:
    return Pair(way, tmp_path, flyte_sandbox, name, newest=False)


@pytest.fixture
def newest(way: str, flyte_sandbox: Sandbox, name: str, tmp_path: Path) -> Pair:
    return Pair(way, tmp_path, flyte_sandbox, name, newest=True)


def test_the_reapers_cursor_and_its_event_log(oldest: Pair, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    said = oldest.run(oldest.first, REAPER, "launch", "3600")
    assert "nothing to abort; 1 runs of ended Dagster runs are kept" in said
    before = oldest.cursor
    assert len(before["owed"]) == 1
    assert "nothing to abort" in oldest.run(oldest.second, REAPER, "look", "3600")
    assert oldest.cursor["owed"] == before["owed"]
    assert oldest.cursor["since"] >= before["since"]  # a cursor that cannot be read begins a week ago
    assert "nothing to abort" in oldest.run(oldest.first, REAPER, "look", "3600")
    said = oldest.run(oldest.second, REAPER, "look", "0")
    assert said.startswith("aborted flytesnacks/development/")
    assert "nothing to abort" in oldest.run(oldest.first, REAPER, "look", "0")
    assert flyte_sandbox.calls.count("CreateExecution") == flyte_sandbox.calls.count("TerminateExecution") == 1


def test_the_run_sensors_cursor(newest: Pair, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    """No event is stored here, so that nothing but the cursor keeps a run from being told again."""
    raw.register(name, {"day": STRING})
    told = [
        *newest.run(newest.first, RUNS, "begin", "mo", "tu"),
        *newest.run(newest.second, RUNS, "on", "we"),
        *newest.run(newest.first, RUNS, "on", "th"),
        *newest.run(newest.second, RUNS, "on"),
    ]
    assert [day for day, _ in told] == ["mo", "tu", "we", "th"]
    assert len({run for _, run in told}) == flyte_sandbox.calls.count("CreateExecution") == 4


def test_the_state_of_a_component_and_of_specs(newest: Pair, raw: RawFlyte, name: str) -> None:
    """Read while Flyte is away: the state is all there is."""
    raw.register(f"{name}.train", {"n": INTEGER, "who": STRING}, description="Trains.")
    raw.register(f"{name}.report", {"who": STRING})
    written = newest.run(newest.first, COMPONENT, "write")
    assert len(written[0]) == len(written[1]) == 2
    assert newest.run(newest.second, COMPONENT, "read") == written
    assert newest.run(newest.first, COMPONENT, "read") == written


def test_values_of_an_asset_that_the_other_one_made(
    newest: Pair, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "who": STRING})
    made = newest.run(newest.first, VALUES, "make")
    assert made["n"] == "3"
    assert json.loads(newest.run(newest.second, VALUES, "use")["found"]) == {"n": 3, "who": "you"}
    assert flyte_sandbox.calls.count("CreateExecution") == 1
