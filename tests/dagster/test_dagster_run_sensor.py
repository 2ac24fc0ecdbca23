"""Runs that Dagster did not start: each is told once, whatever dies between Flyte, the daemon and the cursor."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster_support import Home, until
from support.flyte import BOOLEAN, INTEGER, STRING, RawFlyte

from bridge_core import EntityRef, InvalidRequest, LaunchRequest
from dagster_integration import FlyteResource, FlyteRunSeen, build_flyte_assets, build_flyte_run_sensor

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


class Watching:
    """A sensor as the daemon drives it: events are stored first, then the cursor."""

    def __init__(self, flyte: FlyteResource, instance: dg.DagsterInstance, *given: Any, **more: Any) -> None:
        self._sensor = build_flyte_run_sensor(*given, **more)
        self._flyte, self._instance = flyte, instance
        self.cursor: str | None = None
        self.said = ""

    def tick(self, *, dies: bool = False) -> list[Any]:
        given = {"instance": self._instance, "cursor": self.cursor, "resources": {"flyte": self._flyte}}
        with dg.build_sensor_context(**given) as context:
            data = self._sensor.evaluate_tick(context)
        for event in data.asset_events:
            self._instance.report_runless_asset_event(event)
        if not dies:
            self.cursor = data.cursor
        self.said = data.skip_message or ""
        return list(data.asset_events)


def finished(flyte: FlyteResource, entity: str, *inputs: dict[str, Any]) -> list[str]:
    """Runs that somebody else launched, and that ended, in this order."""
    with flyte.get_client() as client:
        names = []
        for given in inputs:
            ref = client.launch(LaunchRequest(EntityRef.launch_plan(entity), inputs=given))
            client.wait(ref, poll_interval=0.02)
            names.append(ref.name)
    return names


def told(events: list[Any]) -> list[str]:
    return [str(event.metadata["flyte/run_name"].value) for event in events]


def test_runs_become_materializations_once(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"day": STRING, "n": INTEGER})
    watching = Watching(flyte, instance, {name: "model"}, partition=lambda run: run.inputs["day"], lookback=0)
    assert watching.tick() == []
    assert watching.said == "no run ended that is to be told"
    names = finished(flyte, name, {"day": "2026-01-01", "n": 1}, {"day": "2026-01-02", "n": 2})
    events = watching.tick()
    assert told(events) == names
    assert [(event.partition, event.metadata["n"].value) for event in events] == [("2026-01-01", 1), ("2026-01-02", 2)]
    assert watching.tick() == []
    more = finished(flyte, name, {"day": "2026-01-03", "n": 3})
    assert told(watching.tick()) == more


def test_what_the_daemon_stored_before_it_died_is_not_told_again(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    """Materializations, observations and check results alike."""
    raw.register(name, {"n": INTEGER, "ok": BOOLEAN})
    raw.register(f"{name}.bad", {"n": INTEGER}, gate="approve")
    check = dg.AssetCheckSpec("accurate", asset="model")
    watching = Watching(flyte, instance, {name: {"n": "model", "ok": check}, f"{name}.bad": "model"}, overlap=60)
    watching.tick()
    finished(flyte, name, {"n": 1, "ok": True})
    with flyte.get_client() as client:
        ref = client.launch(LaunchRequest(EntityRef.launch_plan(f"{name}.bad"), inputs={"n": 1}))
        raw.approve(ref.name, value=False)
        client.wait(ref, poll_interval=0.02)
    assert [type(event).__name__ for event in watching.tick(dies=True)] == [
        "AssetMaterialization",
        "AssetCheckEvaluation",
        "AssetObservation",
    ]
    assert watching.tick(dies=True) == []
    (late,) = finished(flyte, name, {"n": 2, "ok": False})
    events = watching.tick()
    assert [(type(event).__name__, event.metadata["flyte/run_name"].value) for event in events] == [
        ("AssetMaterialization", late),
        ("AssetCheckEvaluation", late),
    ]
    assert events[1].passed is False
    assert watching.tick() == []


def test_an_end_that_flyte_stores_late_is_not_lost(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    """The cursor is already beyond it, which is what a run looks like whose end was stored late."""
    raw.register(name, {"n": INTEGER})
    watching = Watching(flyte, instance, {name: "model"}, overlap=300)
    watching.tick()
    names = finished(flyte, name, {"n": 1}, {"n": 2})
    watching.tick()
    cursor = json.loads(watching.cursor or "")
    del cursor["seen"][names[0]]
    records = instance.fetch_materializations(dg.AssetKey("model"), limit=10).records
    instance.wipe_assets([dg.AssetKey("model")])  # as if it had never been told
    watching.cursor = json.dumps(cursor)
    assert len(records) == 2
    assert told(watching.tick()) == names[:1]


def test_own_runs_are_left_out_and_others_are_not(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    watching = Watching(flyte, instance, {f"{name[:-2]}*": "model"})
    both = Watching(flyte, instance, {name: "model"}, own_runs=True)
    watching.tick()
    both.tick()
    asset = build_flyte_assets(name, name="model", inputs={"n": 3})
    assert dg.materialize([asset], resources={"flyte": flyte}, instance=instance).success
    names = finished(flyte, name, {"n": 1})
    assert told(watching.tick()) == names
    assert both.tick() == [], "both are in the event log already: one by its step, one by the other sensor"


def test_a_run_that_ended_badly_is_observed_and_says_why(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    watching = Watching(flyte, instance, {name: "model"})
    quiet = Watching(flyte, instance, {name: "model"}, failures=False)
    watching.tick()
    quiet.tick()
    with flyte.get_client() as client:
        ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}))
        raw.approve(ref.name, value=False)
        client.wait(ref, poll_interval=0.02)
    (event,) = watching.tick()
    assert isinstance(event, dg.AssetObservation)
    assert event.metadata["flyte/phase"].value == "FAILED"
    assert str(event.metadata["flyte/error"].value).startswith(f"run {ref} FAILED")
    assert quiet.tick() == []


def test_an_outage_loses_nothing(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    watching = Watching(flyte, instance, {name: "model"})
    watching.tick()
    names = finished(flyte, name, {"n": 1}, {"n": 2}, {"n": 3})
    flyte_sandbox.faults.fail("ListExecutions", times=4)
    assert watching.tick() == []
    assert watching.said.startswith("Flyte cannot be asked now, nothing is lost")
    flyte_sandbox.faults.clear()
    # The first run is told; then the outputs of the second cannot be had.
    flyte_sandbox.faults.fail("GetExecutionData", times=4, when=lambda request: request.id.name == names[1])
    assert told(watching.tick()) == names[:1]
    flyte_sandbox.faults.clear()
    assert told(watching.tick()) == names[1:]


def test_outputs_that_can_never_be_read_do_not_stop_the_rest(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    watching = Watching(flyte, instance, {name: {"m": "model", "n": dg.AssetCheckSpec("ok", asset="model")}})
    watching.tick()
    finished(flyte, name, {"n": 1})
    model, check = watching.tick()
    assert "has no output 'm'" in model.metadata["flyte/outputs_not_read"].value
    assert check.passed is False
    assert "must be a boolean" in check.metadata["flyte/error"].value


def test_a_function_may_make_the_events(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER})

    def events(run: FlyteRunSeen) -> Iterator[Any]:
        if run.snapshot.entity is not None and run.snapshot.entity.name == name:
            yield dg.AssetObservation("seen", metadata={"n": run.outputs["n"], "flyte/execution": str(run.ref)})

    watching = Watching(flyte, instance, events=events)
    watching.tick()
    finished(flyte, name, {"n": 5})
    (event,) = watching.tick()
    assert event.metadata["n"].value == 5


def test_more_runs_than_fit_one_tick_are_told_in_the_next(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_integration.run_sensor._MOST", 2)
    raw.register(name, {"n": INTEGER})
    watching = Watching(flyte, instance, {name: "model"})
    watching.tick()
    names = finished(flyte, name, *({"n": number} for number in range(5)))
    assert [told(watching.tick()) for _ in range(4)] == [names[:2], names[2:4], names[4:], []]


def test_the_first_tick_looks_back_as_far_as_it_is_told(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    names = finished(flyte, name, {"n": 1})
    assert told(Watching(flyte, instance, {name: "model"}, lookback=600).tick()) == names
    assert Watching(flyte, instance, {name: "other"}).tick() == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give assets=, or events="),
        ({"assets": {"pkg.wf": "a"}, "events": lambda run: ()}, "give assets=, or events="),
        ({"assets": ["pkg.wf"]}, "must map names of entities"),
        ({"assets": {"pkg.wf": {}}}, "at least one asset"),
        ({"assets": {"pkg.wf": "a"}, "overlap": -1}, "overlap"),
    ],
)
def test_what_cannot_be_read_is_refused_while_loading(given: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        build_flyte_run_sensor(**given)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_daemon_that_is_killed_again_and_again_tells_each_run_once(
    flyte_sandbox: Sandbox, flyte: FlyteResource, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    raw.register(name, {"n": INTEGER})
    home = Home(tmp_path / "home", flyte_sandbox.endpoint, name)
    command = ("dagster._daemon", "run", "-m", "watching_defs")
    names: list[str] = []

    def known(instance: dg.DagsterInstance) -> list[str]:
        records = instance.fetch_materializations(dg.AssetKey("watched"), limit=1000).records
        return [
            str(one.asset_materialization.metadata["flyte/run_name"].value)
            for one in records
            if one.asset_materialization
        ]

    for kill in range(6):
        with home.process(*command) as daemon:
            with home.instance() as instance:
                before = len(known(instance))
                names += finished(flyte, name, *({"n": number} for number in range(20)))
                until(lambda: len(known(instance)) > before, seconds=240, label="something is told")  # noqa: B023
                time.sleep(0.05 * kill)
            daemon.send_signal(signal.SIGKILL)
    with home.process(*command), home.instance() as instance:
        until(lambda: set(known(instance)) >= set(names), seconds=240, label="all are told")
        time.sleep(5)
        assert sorted(known(instance)) == sorted(names)
