"""Whatever a verb or a value is given, the answer is a result or a `BridgeError`: never an error of our inside."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.flyte import INTEGER, RawFlyte

from bridge_core import (
    AsyncClient,
    BridgeError,
    Client,
    Config,
    Cron,
    EntityKind,
    EntityRef,
    FileAccess,
    FixedRate,
    FrameRef,
    InterfaceSnapshot,
    InvalidRequest,
    LaunchRequest,
    Notification,
    Provenance,
    RunOptions,
    RunPhase,
    RunQuery,
    RunRef,
    RunSnapshot,
    SecretStore,
    SecurityContext,
    Trigger,
    run_name,
    seconds,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def function() -> None:
    """What somebody who knows other SDKs hands over."""


class Thing:
    """What nobody expects."""


ODD: list[Any] = [
    Thing(),
    Thing,
    function,
    object(),
    3.5,
    -1,
    0,
    10**30,
    float("nan"),
    True,
    None,
    b"bytes",
    b"\xff",
    "",
    "  ",
    "a/b",
    "nö\0",
    [],
    [3],
    ["a"],
    {},
    {"a": 1},
    {1: "a"},
    set(),
    datetime(2026, 1, 1),  # noqa: DTZ001  # without a zone is odd, too
    datetime(2026, 1, 1, tzinfo=UTC),
]

NOT_ARGUMENTS = {"self", "progress", "config", "codec", "credentials"}


def verbs(cls: type) -> list[str]:
    return [
        name
        for name, member in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_") and name not in ("close", "aclose", "auth_metadata", "renew_with", "clear_cache")
    ]


def good_arguments(ref: RunRef, entity: EntityRef, tmp_path: Path) -> dict[str, Any]:
    """For each name that a parameter has, a value that may pass; what has a default is left out unless it is odd."""
    file = tmp_path / "file"
    file.write_text("x")
    return {
        "request": LaunchRequest(entity, inputs={"n": 1}, name=ref.name),
        "requests": [LaunchRequest(entity, inputs={"n": 1}, name=ref.name)],
        "ref": ref,
        "refs": [ref],
        "signal_id": "gate",
        "value": 1,
        "kind": EntityKind.TASK,
        "trigger": Trigger("t-odd", entity=entity, automation=Cron("0 0 1 1 *"), inputs={"n": 1}, auto_activate=False),
        "source": file,
        "what": str(file),
        "path": tmp_path / "there",
        "method": "GetVersion",
    }


def calls(method: Callable[..., Any], good: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    parameters = [
        item
        for item in inspect.signature(method).parameters.values()
        if item.name not in NOT_ARGUMENTS and item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
    ]
    base = {item.name: good[item.name] for item in parameters if item.default is item.empty}
    if "timeout" in {item.name for item in parameters}:
        base["timeout"] = 5
    for item, odd in itertools.product(parameters, ODD):
        if item.name == "timeout" and odd is None:
            continue  # for ever, as documented
        yield item.name, odd, {**base, item.name: odd}


def outcome(call: Callable[[], Any]) -> str:
    """Empty, or what went wrong."""
    try:
        result = call()
        if isinstance(result, Iterator):
            list(itertools.islice(result, 3))
    except BridgeError:
        return ""
    except Exception as error:  # noqa: BLE001  # any of them is what the tests look for
        return f"{type(error).__name__}: {error}"
    return ""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd values are relative paths, too."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ran(client: Client, raw: RawFlyte, name: str) -> tuple[RunRef, EntityRef]:
    raw.register(name, {"n": INTEGER})
    entity = EntityRef.launch_plan(name)
    ref = client.launch(LaunchRequest(entity, inputs={"n": 1}, name=name))
    client.wait(ref, timeout=60)
    return ref, entity


@pytest.mark.parametrize("verb", verbs(Client))
def test_client(client: Client, ran: tuple[RunRef, EntityRef], tmp_path: Path, verb: str) -> None:
    method = getattr(client, verb)
    good = good_arguments(*ran, tmp_path) | ({"ref": FrameRef(uri=str(tmp_path))} if verb == "read_frame" else {})
    if verb in ("activate", "deactivate", "get_entity"):
        good["ref"] = ran[1]
    if verb == "call":
        good["request"] = {}
    wrong = [
        f"{verb}({name}={odd!r}): {found}"
        for name, odd, arguments in calls(method, good)
        if (found := outcome(lambda arguments=arguments: method(**arguments)))  # type: ignore[misc]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("verb", verbs(AsyncClient))
def test_async_client(flyte_sandbox: Sandbox, ran: tuple[RunRef, EntityRef], tmp_path: Path, verb: str) -> None:
    if verb == "shared":
        pytest.skip("opens clients and is no verb")
    good = good_arguments(*ran, tmp_path) | ({"ref": FrameRef(uri=str(tmp_path))} if verb == "read_frame" else {})
    if verb in ("activate", "deactivate", "get_entity"):
        good["ref"] = ran[1]
    if verb == "call":
        good["request"] = {}

    async def every() -> list[str]:
        wrong = []
        async with AsyncClient(flyte_sandbox.config()) as client:
            method = getattr(client, verb)
            for name, odd, arguments in calls(method, good):
                try:
                    result = method(**arguments)
                    if isinstance(result, AsyncIterator):
                        async for _ in result:
                            break
                    elif inspect.isawaitable(result):
                        await result
                except BridgeError:
                    pass
                except Exception as error:  # noqa: BLE001
                    wrong.append(f"{verb}({name}={odd!r}): {type(error).__name__}: {error}")
        return wrong

    wrong = asyncio.run(every())
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("verb", verbs(FileAccess))
def test_files(client: Client, tmp_path: Path, verb: str) -> None:
    """The same for `Client.files`."""
    method = getattr(client.files, verb)
    file = tmp_path / "file"
    file.write_text("x")
    good = {
        "data": file,
        "local_path": file,
        "file_path": file,
        "from_path": file,
        "remote_path": str(tmp_path / "remote"),
        "to_path": str(tmp_path / "remote"),
        "path": str(file),
        "stream": file,
        "file_path_or_file_name": str(file),
        "destination": str(tmp_path / "to"),
        "f": "a",
        "t": "b",
    }
    wrong = [
        f"{verb}({name}={odd!r}): {found}"
        for name, odd, arguments in calls(method, good)
        if (found := outcome(lambda arguments=arguments: method(**arguments)))  # type: ignore[misc]
    ]
    assert not wrong, "\n".join(wrong)


VALUES: dict[Any, dict[str, Any]] = {
    LaunchRequest: {"entity": "pkg.wf"},
    LaunchRequest.zipped: {"entity": "pkg.wf", "columns": {"n": [1]}},
    RunQuery: {},
    RunRef: {"project": "p", "domain": "d", "name": "n"},
    RunRef.parse: {"text": "p/d/n"},
    RunRef.from_dict: {"data": {"project": "p", "domain": "d", "name": "n"}},
    EntityRef: {"kind": EntityKind.TASK, "name": "n"},
    EntityRef.parse: {"text": "n"},
    EntityRef.from_dict: {"data": {"kind": "task", "name": "n"}},
    Cron: {"expression": "0 0 * * *"},
    FixedRate: {"interval_minutes": 5},
    Trigger: {"name": "t", "entity": "pkg.wf", "automation": Cron("@daily")},
    Trigger.from_dict: {"data": {"name": "t", "entity": "pkg.wf"}},
    RunOptions.from_mapping: {"mapping": {}},
    Notification: {"kind": "email", "recipients": ("a@example.com",)},
    SecurityContext: {"service_account": "a"},
    Provenance: {"source": "client"},
    run_name: {"prefix": "a"},
    Client: {},
    AsyncClient: {},
    Config.auto: {},
    Config.for_endpoint: {"endpoint": "localhost:1"},
    Config.for_sandbox: {"project": "p"},
    Config.from_mapping: {"mapping": {}},
    Config: {},
    InterfaceSnapshot.read: {"path": "nosuch.json"},
    InterfaceSnapshot.from_dict: {"data": {"format": 1}},
    InterfaceSnapshot(project="p", domain="d", flyte_version=1).get_entity: {"ref": "pkg.wf"},
    InterfaceSnapshot(project="p", domain="d", flyte_version=1).list_entities: {"kind": "task"},
    InterfaceSnapshot(project="p", domain="d", flyte_version=1).write: {"path": "interfaces.json"},
    SecretStore: {"config": Config.for_sandbox()},
    SecretStore(Config.for_sandbox()).get: {"group": "a"},
    seconds: {"value": 1},
}


@pytest.mark.parametrize("make", VALUES, ids=lambda make: make.__qualname__)
def test_values(make: Any) -> None:
    names = [
        item.name
        for item in inspect.signature(make).parameters.values()
        if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
    ]
    parts = ("x",) if make is run_name else ()
    wrong = [
        f"{make.__qualname__}({name}={odd!r}): {found}"
        for name, odd in itertools.product(names, ODD)
        if (found := outcome(lambda name=name, odd=odd: make(*parts, **{**VALUES[make], name: odd})))  # type: ignore[misc]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(RunQuery)])
def test_queries(client: Client, field: str) -> None:
    def ask(odd: Any) -> Iterator[RunSnapshot]:
        return client.list_runs(limit=1, query=RunQuery(**{field: odd}))

    wrong = [f"RunQuery({field}={odd!r}): {found}" for odd in ODD if (found := outcome(partial(ask, odd)))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(RunOptions)])
def test_options(client: Client, ran: tuple[RunRef, EntityRef], field: str) -> None:
    def launch(odd: Any) -> RunRef:
        return client.launch(LaunchRequest(ran[1], inputs={"n": 1}, options=RunOptions(**{field: odd})))

    wrong = [f"RunOptions({field}={odd!r}): {found}" for odd in ODD if (found := outcome(partial(launch, odd)))]
    assert not wrong, "\n".join(wrong)


def test_phases_by_name() -> None:
    assert RunQuery(phases="failed").phases == RunQuery(phases=RunPhase.FAILED).phases == (RunPhase.FAILED,)  # type: ignore[arg-type]
    assert RunQuery(phases=["FAILED", RunPhase.ABORTED]).phases == (RunPhase.FAILED, RunPhase.ABORTED)  # type: ignore[arg-type]
    with pytest.raises(
        InvalidRequest, match=r"RunQuery\.phases: wanted a RunPhase or its name \(UNKNOWN, .*, got 'done'"
    ):
        RunQuery(phases=("done",))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"RunQuery\.entity: wanted a name; give the \.name"):
        RunQuery(entity=EntityRef.task("t"))  # type: ignore[arg-type]
