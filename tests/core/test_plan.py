"""`plan` says what `launch` then does, of whatever is asked for, and sends nothing itself."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.flyte import INTEGER, STRING, RawFlyte, integer

from bridge_core import (
    AlreadyExists,
    AsyncClient,
    BridgeError,
    Client,
    EntityNotFound,
    EntityRef,
    LaunchPlanPreview,
    LaunchRequest,
    LiteralError,
    RunOptions,
    Unsupported,
)
from bridge_core.cli.main import main

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

READS = ("Get", "List")
REQUESTS = 200


@pytest.fixture
def plans(raw: RawFlyte, name: str) -> list[str]:
    """Launch plans with required, default and fixed inputs; one has two versions, the older of them active."""
    required, filled, versions = f"{name}.required", f"{name}.filled", f"{name}.versions"
    raw.register(required, {"n": INTEGER, "s": STRING})
    raw.register(filled, {"n": INTEGER, "m": INTEGER}, defaults={"n": integer(7)}, fixed={"m": integer(9)})
    raw.register(versions, {"n": INTEGER}, labels={"team": "a", "tier": "x"}, activate=True)
    raw.register(versions, {"n": INTEGER}, version="v2")
    return [required, filled, versions]


def any_request(dice: random.Random, plans: list[str], name: str) -> LaunchRequest:
    """Mostly good, sometimes wrong in any of the ways that people are."""
    plan = dice.choice([*plans, *plans, f"{name}.nosuch"])
    version = dice.choice([None, None, None, "v1", "latest", "active", "v9"])
    inputs: dict[str, Any] = {}
    if dice.random() < 0.9:
        inputs["n"] = dice.choice([1, 2, 2, 2, "two"])
    if plan.endswith("required") and dice.random() < 0.9:
        inputs["s"] = dice.choice(["a", "b"])
    if dice.random() < 0.1:
        inputs[dice.choice(["m", "zz"])] = 1
    options = RunOptions(
        labels=dice.choice([None, None, {"team": "b"}]),
        max_parallelism=dice.choice([None, 3]),
        queue=dice.choice([None] * 19 + ["q"]),
    )
    return LaunchRequest(
        EntityRef.launch_plan(plan, version=version),
        inputs=inputs,
        name=dice.choice([None, *(f"{name}-{number}" for number in range(25))]),
        options=options,
    )


def test_plan_and_launch_agree(flyte_sandbox: Sandbox, client: Client, plans: list[str], name: str) -> None:
    dice = random.Random(20261128)
    seen: dict[str, int] = {}
    for _ in range(REQUESTS):
        request = any_request(dice, plans, name)
        flyte_sandbox.calls.clear()
        preview: LaunchPlanPreview | None = None
        refused: BridgeError | None = None
        try:
            preview = client.plan(request)
        except BridgeError as error:
            refused = error
        assert not [call.method for call in flyte_sandbox.calls if not call.method.startswith(READS)]
        action = (refused and type(refused).__name__) or (preview and preview.action) or ""
        seen[action] = seen.get(action, 0) + 1
        if preview is None or preview.action == "clash":
            with pytest.raises(BridgeError) as caught:
                client.launch_or_attach(request)
            if preview is None:
                assert (type(caught.value), caught.value.message) == (type(refused), refused and refused.message)
            else:
                assert isinstance(caught.value, AlreadyExists)
                assert (caught.value.differing, caught.value.message) == (preview.differing, preview.reason)
            continue
        launched = client.launch_or_attach(request)
        assert launched.created is (preview.action == "launch")
        assert preview.ref in (None, launched.ref)
        assert (preview.ref is None) is (request.name is None)
        snapshot = client.wait(launched.ref, timeout=60)  # what goes on says another phase the next time
        assert preview.entity == snapshot.entity
        assert {key: item.value for key, item in preview.inputs.items()} == client.inputs(launched.ref)
        if preview.action == "launch":
            sent = flyte_sandbox.calls.of("CreateExecution")[-1].request.spec
            told = {option.name: option.value for option in preview.options}
            labels = {f"labels.{key}": value for key, value in sent.labels.values.items()}
            assert {key: value for key, value in told.items() if key.startswith("labels.")} == {
                key: value for key, value in labels.items() if not key.endswith(("-inputs", "-launch"))
            }
            assert told.get("max_parallelism", 0) == sent.max_parallelism
    assert set(seen) >= {"launch", "attach", "clash", "LiteralError", "EntityNotFound", "Unsupported"}, seen


def test_options_have_a_winner_and_a_source(client: Client, plans: list[str]) -> None:
    found = client.plan(
        LaunchRequest(plans[2], inputs={"n": 1}, options=RunOptions(labels={"team": "b"}, env_vars={"A": "1"}))
    )
    told = {option.name: (option.value, option.source, option.over) for option in found.options}
    assert told["labels.team"] == ("b", "request", (("launch plan", "a"),))
    assert told["labels.tier"] == ("x", "launch plan", ())
    assert told["labels.flyte-bridge-source"] == ("client", "flyte-bridge", ())
    assert told["env_vars"] == ({"A": "1"}, "request", ())
    assert found.entity.version == "v1", "the active one, not the newest"
    assert client.plan(f"{plans[1]}").inputs["m"].source == "fixed"
    assert client.plan(f"{plans[1]}").inputs["n"].source == "default"


def test_files_are_counted_and_not_sent(
    flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    from flyteidl.core import types_pb2

    raw.register(name, {"f": types_pb2.LiteralType(blob=types_pb2.BlobType())})
    file = tmp_path / "data.txt"
    file.write_bytes(b"x" * 1234)
    flyte_sandbox.calls.clear()
    request = LaunchRequest(name, inputs={"f": file}, name=name)
    found = client.plan(request)
    assert (found.action, found.upload_files, found.upload_bytes) == ("launch", 1, 1234)
    assert found.inputs["f"].value.uri == str(file)
    assert flyte_sandbox.calls.count("CreateUploadLocation") == 0
    client.launch(request)
    again = client.plan(request)
    assert (again.action, again.upload_files, again.upload_bytes) == ("attach", 0, 0)
    file.write_bytes(b"y")
    clash = client.plan(request)
    assert (clash.action, clash.differing) == ("clash", ("f",))
    assert "differs from the run's" in clash.text


def test_what_cannot_be_planned(client: Client, plans: list[str], tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"it registers first \(register=\)"):
        client.plan(LaunchRequest(plans[0], register=tmp_path))
    with pytest.raises(EntityNotFound):
        client.plan("pkg.nosuch")
    with pytest.raises(LiteralError):
        client.plan(LaunchRequest(plans[0]))


def test_the_command(flyte_sandbox: Sandbox, plans: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--endpoint", flyte_sandbox.endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"]
    command = ["launch", plans[2], "--name", name, *place]
    assert main([*command, "-i", "n=3", "--plan"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert (
        shown[0] == f"would launch launch_plan:flytesnacks/development/{plans[2]}@v1 as flytesnacks/development/{name}"
    )
    assert "  input n = 3 (request)" in shown
    assert main([*command, "-i", "n=3"]) == 0
    capsys.readouterr()
    assert main([*command, "-i", "n=3", "--plan", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "attach"
    assert main([*command, "-i", "n=4", "--plan"]) == 2
    assert capsys.readouterr().out.startswith("would clash: ")
    assert main([*command, "-i", "n=4", "--plan", "--wait"]) == 2
    assert "leave one of them out" in capsys.readouterr().err


async def _planned(sandbox: Sandbox, request: LaunchRequest) -> LaunchPlanPreview:
    async with AsyncClient(sandbox.config()) as flyte:
        return await flyte.plan(request)


def test_awaited(flyte_sandbox: Sandbox, client: Client, plans: list[str]) -> None:
    import asyncio

    request = LaunchRequest(plans[0], inputs={"n": 1, "s": "a"})
    assert asyncio.run(_planned(flyte_sandbox, request)) == client.plan(request)
